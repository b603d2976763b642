import {
  NonRetryableError,
  type AmqpDeliveryLike,
  type BodyCall,
  type InboundMessage,
} from '@acme/nest-message-context';
import { originOf } from '../core/hop-properties.js';
import { orderKeyOf, UNORDERED, valueAt } from '../core/order-key.js';
import { textOf } from '../core/read-safely.js';
import type { OrderKeySource } from './ordered.options.js';

type Keyed = Pick<BodyCall, 'args'> & { readonly context: Pick<BodyCall['context'], 'message'> };

/** @throws {NonRetryableError} ORDER_KEY_MISSING or ORDER_KEY_INVALID: no later attempt would find another one */
export function keyOf(call: Keyed, source: OrderKeySource): string {
  const found = orderKeyOf(valueOf(call, source));
  if ('key' in found) return found.key;
  throw noKey(found.code, source, found.why);
}

/** As it is known before pipes; undefined where that is nowhere, and for a function: what it reads are arguments, and there are none. */
export function keyBefore(message: InboundMessage, source: OrderKeySource): string | undefined {
  if (typeof source === 'function') return undefined;
  const found = orderKeyOf(valueOf({ args: [], context: { message } }, source));
  return 'key' in found ? found.key : undefined;
}

function valueOf({ args, context: { message } }: Keyed, source: OrderKeySource): unknown {
  if (source === 'routingKey') return originOf(message.raw as AmqpDeliveryLike, '').routingKey;
  if (typeof source === 'object')
    return 'header' in source
      ? message.headers.get(source.header)
      : valueAt(message.payload, source.payload);
  try {
    return source({ message, args });
  } catch (error) {
    throw noKey(UNORDERED.keyInvalid, source, `it threw ${textOf(error)}`, error);
  }
}

function noKey(code: string, source: OrderKeySource, why: string, cause?: unknown): Error {
  const message =
    `${code}: the message has no place in the order, ${nameOf(source)}: ${why}. ` +
    'Have its sender give it one, or correct the key of @RmqOrdered().';
  return new NonRetryableError(code, { message, cause });
}

function nameOf(source: OrderKeySource): string {
  if (source === 'routingKey') return 'by its routing key';
  if (typeof source === 'function') return 'by the function that reads its key';
  return 'header' in source
    ? `by its header "${source.header}"`
    : `by "${source.payload}" in its payload`;
}
