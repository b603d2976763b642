import { finalize, isObservable, lastValueFrom, type Observable } from 'rxjs';
import type { Contexts } from '../context/contexts.js';
import { MessageContext } from '../context/message-context.js';
import { guardedChannel, type AmqpChannelLike } from '../delivery/guarded-channel.js';
import type { NestRmqDriver } from '../delivery/nest-rmq-driver.js';
import { NonRetryableError, signalOf } from '../delivery/outcome-signals.js';
import type { AmqpDeliveryLike } from '../facts/amqp-facts.js';
import { rpcCallOf, type RmqContextLike, type RpcCall } from '../facts/rpc-facts.js';
import type { QueueDeclarationLike } from './dead-letter-check.js';
import { reenterRequestStream } from './grpc-request-stream.js';
import { answeringByStatus } from './rpc-answer.js';
import { endingWith, scoped } from './scoped.js';

/** What a Nest server calls for a message; `next` chains further handlers of one event. */
export interface RpcCallback {
  (...args: unknown[]): unknown;
  next?: RpcCallback;
  isEventHandler?: boolean;
  extras?: Record<string, unknown>;
}

/** What a Nest microservice server is, as far as this door needs it. Every transport and custom strategy has it. */
export interface RpcServerLike {
  addHandler(
    pattern: unknown,
    callback: RpcCallback,
    isEventHandler?: boolean,
    extras?: Record<string, unknown>,
  ): void;
  getHandlers?(): Map<string, RpcCallback>;
  readonly noAck?: boolean;
  readonly queue?: string;
  readonly queueOptions?: QueueDeclarationLike;
}

/** @internal */
export interface RpcDoorParts {
  readonly contexts: Contexts;
  readonly driver: NestRmqDriver;
}

const DOOR = Symbol.for('@acme/nest-message-context:rpc-door');

/**
 * Puts the transport door on a Nest microservice server: every handler registered from now on runs in the context of its
 * message, guards and filters included. `addHandler` is where all transports meet, and it sees arguments and outcome.
 */
export function installRpcDoor(server: RpcServerLike, parts: RpcDoorParts): void {
  Object.defineProperty(server, DOOR, { value: true });
  const addHandler = server.addHandler.bind(server);
  server.addHandler = (pattern, callback, isEventHandler = false, extras = {}) => {
    const name = typeof pattern === 'string' ? pattern : JSON.stringify(pattern);
    addHandler(
      pattern,
      enter(callback, { ...parts, name, isEventHandler, settles: !server.noAck }),
      isEventHandler,
      extras,
    );
  };
}

export const hasRpcDoor = (server: object): boolean =>
  (server as Record<symbol, unknown>)[DOOR] === true;

interface Entrance extends RpcDoorParts {
  readonly name: string;
  readonly isEventHandler: boolean;
  readonly settles: boolean;
}

function enter(callback: RpcCallback, entrance: Entrance): RpcCallback {
  const entered: RpcCallback = (...args) => {
    const call = rpcCallOf(args, entrance.name, !entrance.isEventHandler);
    if (!call) return callback(...args);
    const { contexts } = entrance;
    const current = MessageContext.current();
    // A further handler of an event under way: the first one settles for both.
    if (current?.key === call.key)
      return inContext(contexts.sibling(current, call.facts()), callback, args);
    const settles = call.rmq !== undefined && entrance.settles;
    const context = call.isOfOneMessage
      ? contexts.openOrJoin(call.key, call.facts, settles)
      : contexts.openAnew(call.key, call.facts());
    if (call.hasRequestStream) {
      args[call.payloadIndex] = reenterRequestStream(
        args[call.payloadIndex] as Observable<unknown>,
        context,
      );
    }
    if (!call.rmq || !settles) return inContext(context, callback, args);
    return settleByOutcome(context, callback, args, { ...entrance, rmq: call.rmq });
  };
  // Nest chains several handlers of one event through this property of the callback it made itself.
  Object.defineProperty(entered, 'next', {
    get: () => callback.next,
    set: (next: RpcCallback) => {
      callback.next = next;
    },
  });
  return entered;
}

async function inContext(
  context: MessageContext,
  callback: RpcCallback,
  args: unknown[],
): Promise<unknown> {
  let handedOver = false;
  try {
    const result = await context.run(() => callback(...args));
    if (!isObservable(result)) return result;
    handedOver = true;
    return endingWith(scoped(answeringByStatus(result, context), context), context);
  } finally {
    if (!handedOver) context.message.end();
  }
}

async function settleByOutcome(
  context: MessageContext,
  callback: RpcCallback,
  args: unknown[],
  { rmq, driver }: Entrance & { readonly rmq: NonNullable<RpcCall['rmq']> },
): Promise<unknown> {
  const channel = rmq.context.getChannelRef() as AmqpChannelLike;
  const guarded = withChannel(
    rmq.context,
    guardedChannel(channel, rmq.delivery, context.message.delivery),
  );
  const result = isUnreadable(rmq.delivery, context.message.payload)
    ? Promise.reject(new NonRetryableError('MESSAGE_UNREADABLE', { message: UNREADABLE }))
    : inContext(context, callback, [...args.slice(0, -1), guarded]);
  const settle = {
    succeeded: () => driver.succeeded(context, rmq.delivery, channel),
    failed: (error: unknown) => driver.failed(error, context, rmq.delivery, channel),
  };
  return context.message.expectsReply ? settleRequest(result, settle) : settleEvent(result, settle);
}

const UNREADABLE =
  'MESSAGE_UNREADABLE: the body is not JSON. Send JSON, or say by contentType what it is.';

/** Nest hands over a body that it cannot parse as text, as if it had been a JSON string. */
function isUnreadable({ content, properties }: AmqpDeliveryLike, payload: unknown): boolean {
  const { contentType } = properties;
  if (typeof payload !== 'string' || (contentType && !contentType.includes('json'))) return false;
  try {
    JSON.parse(Buffer.from(content).toString());
    return false;
  } catch {
    return true;
  }
}

interface Settlement {
  readonly succeeded: () => void;
  readonly failed: (error: unknown) => void;
}

/** Runs the event to its end, then settles. Nest itself would neither await nor notice a failure. */
async function settleEvent(
  running: Promise<unknown>,
  { succeeded, failed }: Settlement,
): Promise<void> {
  try {
    const result = await running;
    const value: unknown = isObservable(result)
      ? await lastValueFrom(result, { defaultValue: undefined })
      : result;
    if (signalOf(value)) return failed(value);
    succeeded();
  } catch (error) {
    failed(error);
  }
}

/**
 * Settles a request once its reply is on its way. A caller who was answered with an error is served, too: another attempt
 * would answer twice.
 */
async function settleRequest(
  running: Promise<unknown>,
  { succeeded }: Settlement,
): Promise<unknown> {
  try {
    const result = await running;
    if (signalOf(result)) throw result as Error;
    if (isObservable(result)) return result.pipe(finalize(succeeded));
    succeeded();
    return result;
  } catch (error) {
    succeeded();
    throw error;
  }
}

/** The same RmqContext, with another channel. */
function withChannel(context: RmqContextLike, channel: unknown): RmqContextLike {
  const { args } = context as unknown as { args: readonly unknown[] };
  const replaced = args.map((arg, index) => (index === 1 ? channel : arg));
  return Object.create(context, { args: { value: replaced } }) as RmqContextLike;
}
