import type { HandlerMethod } from '@acme/nest-message-context';
import { SetMetadata } from '@nestjs/common';
import type { DeadLetterOptions, QueuePolicyOptions, RetryOptions } from './policy.options.js';
import { merged } from './queue-policy.js';

const RETRY = Symbol.for('@acme/nest-rabbitmq:retry');
const DEAD_LETTER = Symbol.for('@acme/nest-rabbitmq:dead-letter');

/**
 * When a message that this handler failed at is tried again; on a class, that any of its handlers failed at. What is left out is as the
 * class says, then the queue, then the module. Wrong options are refused at boot.
 *
 *     @RmqRetry({ attempts: 10, max: '1m' })
 *     @EventPattern('order.placed.v1')
 */
export const RmqRetry = (options: RetryOptions): ClassDecorator & MethodDecorator =>
  SetMetadata(RETRY, options);

/** Where messages go that this handler, or any of this class, gives up. What is left out is as with `@RmqRetry()`. */
export const RmqDeadLetter = (options: DeadLetterOptions): ClassDecorator & MethodDecorator =>
  SetMetadata(DEAD_LETTER, options);

/** What stands on one method, or on one class. */
export function policyOn(target: object): QueuePolicyOptions | undefined {
  const retry = Reflect.getMetadata(RETRY, target) as RetryOptions | undefined;
  const deadLetter = Reflect.getMetadata(DEAD_LETTER, target) as DeadLetterOptions | undefined;
  return retry === undefined && deadLetter === undefined ? undefined : { retry, deadLetter };
}

const known = new WeakMap<object, WeakMap<object, QueuePolicyOptions>>();
const NONE: QueuePolicyOptions = {};

/** What a handler and its class say; the same object each time. Undefined: nothing. */
export function ownPolicyOf({ owner, method }: HandlerMethod): QueuePolicyOptions | undefined {
  let ofOwner = known.get(owner);
  if (!ofOwner) known.set(owner, (ofOwner = new WeakMap()));
  let own = ofOwner.get(method);
  if (!own) {
    const [onClass, onMethod] = [policyOn(owner), policyOn(method)];
    own = (onClass ?? onMethod) ? merged(onClass ?? {}, onMethod) : NONE;
    ofOwner.set(method, own);
  }
  return own === NONE ? undefined : own;
}
