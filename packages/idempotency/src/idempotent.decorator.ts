import { bodyStage, type StageDecorator } from '@acme/nest-message-context';
import type { IdempotentOptions } from './idempotency.options.js';
import type { StageOptions } from './stage/call-kind.js';
import { IdempotencyStage } from './stage/idempotency.stage.js';

/**
 * One effect per key: a duplicate gets the outcome of the first call instead of another one.
 *
 * On a handler (HTTP, gRPC, RabbitMQ through Nest or golevelup), on any provider method, or on a class for all its handlers;
 * there, GET, HEAD and OPTIONS are left alone.
 * A text is short for `{ keyFrom: { payload: text } }`.
 *
 *     @Idempotent()
 *     @EventPattern('order.placed.v1')
 *     async onOrderPlaced(order: OrderPlaced) { … }
 */
export function Idempotent(options: IdempotentOptions | string = {}): StageDecorator {
  const given = givenBy(options);
  const stage = (stageOptions: StageOptions): StageDecorator =>
    bodyStage<StageOptions>({
      slot: 'idempotency',
      decorator: '@Idempotent()',
      module: 'IdempotencyModule.forRoot()',
      service: IdempotencyStage,
      options: stageOptions,
    });
  const onMethod = stage(given);
  const onClass = stage({ ...given, onClass: true });
  return (target, key, descriptor) => {
    (key === undefined ? onClass : onMethod)(target, key, descriptor);
    if (key !== undefined) Reflect.defineMetadata(PROTECTED, true, target, key);
    else Reflect.defineMetadata(PROTECTED, true, (target as { prototype: object }).prototype);
  };
}

/** What is no object is refused at boot, as the source of the key that it was meant to be. */
function givenBy(options: IdempotentOptions | string): IdempotentOptions {
  if (typeof options === 'string') return { keyFrom: { payload: options } };
  return typeof options === 'object' && options !== null ? options : { keyFrom: options as never };
}

const PROTECTED = Symbol.for('@acme/nest-idempotency:protected');

/** @internal Whether the decorator stands on the method, or on its class. */
export const isProtected = (prototype: object, key: string | symbol): boolean =>
  Reflect.hasMetadata(PROTECTED, prototype, key) || Reflect.hasMetadata(PROTECTED, prototype);
