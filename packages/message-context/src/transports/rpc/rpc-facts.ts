import { isObservable } from 'rxjs';
import type { InboundFacts } from '../../context/inbound-message.js';
import { amqpFacts, isAmqpDelivery, type AmqpDeliveryLike } from '../amqp/amqp-facts.js';
import { grpcFacts, isGrpcCall } from '../grpc/grpc-facts.js';

/** Nest's `RmqContext`, as far as it is read here. */
export interface RmqContextLike {
  getMessage(): unknown;
  getChannelRef(): unknown;
  getPattern(): string;
}

/** The arguments of one Nest RPC handler, understood. */
export interface RpcCall {
  /** The transport's own object, by which doors find one another. */
  readonly key: object;
  /** Where the payload stands in the arguments. */
  readonly payloadIndex: number;
  readonly isGrpc?: boolean;
  /** The gRPC call hands over a stream of requests as its first argument. */
  readonly hasRequestStream: boolean;
  readonly rmq?:
    { readonly context: RmqContextLike; readonly delivery: AmqpDeliveryLike } | undefined;
  readonly facts: () => InboundFacts;
}

/**
 * Reads the arguments that Nest gives to an RPC handler: `(data, context)`, for gRPC `(data, metadata, call)` or
 * `(call, callback?)`. A handler of several for one event gets Nest's request host in front of them.
 *
 * @param isEvent whether Nest handles a delivery as an event, wherever its sender wants a reply to go
 */
export function rpcCallOf(
  args: readonly unknown[],
  pattern: string,
  expectsReply: boolean,
  isEvent: (delivery: AmqpDeliveryLike) => boolean = () => false,
): RpcCall | undefined {
  const last = args[args.length - 1];
  const call = isGrpcCall(last) ? last : isGrpcCall(args[0]) && args[0];
  if (call) {
    const payloadIndex = call === args[0] ? -1 : args.length - 3;
    const payload = args[payloadIndex];
    return {
      key: call,
      isGrpc: true,
      payloadIndex,
      hasRequestStream: isObservable(payload),
      facts: () => grpcFacts(call, payload),
    };
  }
  const context = last;
  if (typeof context !== 'object' || context === null) return undefined;
  // A custom strategy may hand over the data alone.
  const payloadIndex = Math.max(0, args.length - 2);
  const payload = args[payloadIndex];
  if (isRmqContext(context)) {
    const delivery = context.getMessage();
    if (isAmqpDelivery(delivery)) {
      const name = context.getPattern();
      // Of the message, not of the handler: an event may reach a @MessagePattern handler, and nobody waits for its reply.
      const { replyTo, correlationId } = delivery.properties;
      const isRequest = Boolean(replyTo && correlationId) && !isEvent(delivery);
      return {
        payloadIndex,
        hasRequestStream: false,
        key: delivery,
        rmq: { context, delivery },
        facts: () => amqpFacts('rmq', delivery, { name, payload, expectsReply: isRequest }),
      };
    }
  }
  return {
    payloadIndex,
    hasRequestStream: false,
    key: context,
    facts: () => ({
      transport: 'rpc',
      name: pattern,
      payload,
      expectsReply,
      raw: context,
    }),
  };
}

export function isRmqContext(value: object): value is RmqContextLike {
  const context = value as Partial<RmqContextLike>;
  return typeof context.getMessage === 'function' && typeof context.getChannelRef === 'function';
}
