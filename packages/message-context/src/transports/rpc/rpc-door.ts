import { finalize, isObservable, lastValueFrom, type Observable } from 'rxjs';
import type { Contexts } from '../../context/contexts.js';
import { MessageContext } from '../../context/message-context.js';
import { guardedChannel, type AmqpChannelLike } from '../amqp/guarded-channel.js';
import type { NestRmqDriver, QueuedServerLike } from './nest-rmq-driver.js';
import type { RpcMethods } from './rpc-methods.js';
import type { HandlerMethod } from '../../doors/handler-method.js';
import { NonRetryableError, signalOf } from '../../delivery/outcome-signals.js';
import type { Arrivals } from '../../delivery/arrivals.js';
import type { RecordedDelivery } from '../../delivery/delivery.js';
import type { AmqpDeliveryLike } from '../amqp/amqp-facts.js';
import { isOverdue, overdue } from '../../delivery/overdue.js';
import { isRmqContext, rpcCallOf, type RmqContextLike, type RpcCall } from './rpc-facts.js';
import { Replies, type ReplyingServerLike } from './replies.js';
import { MessageContextConfigurationError } from '../../message-context.errors.js';
import type { QueueDeclarationLike } from '../amqp/queue-check.js';
import type { Gate } from './gate.js';
import { reenterRequestStream } from '../grpc/grpc-request-stream.js';
import { answeringByStatus } from './rpc-answer.js';
import { failing } from './failing.js';
import { scoped } from './scoped.js';
import { answeredBy } from '../grpc/answered-by.js';
import type { GrpcAnswers } from '../grpc/grpc-answers.js';
import { ServedMethods, type GrpcServerLike } from '../grpc/served-methods.js';

/** What a Nest server calls for a message; `next` chains further handlers of one event. */
interface RpcCallback {
  (...args: unknown[]): unknown;
  next?: RpcCallback;
  isEventHandler?: boolean;
  extras?: Record<string, unknown>;
}

/** What a Nest microservice server is, as far as this door needs it. Every transport and custom strategy has it. */
export interface RpcServerLike extends QueuedServerLike, ReplyingServerLike, GrpcServerLike {
  addHandler(
    pattern: unknown,
    callback: RpcCallback,
    isEventHandler?: boolean,
    extras?: Record<string, unknown>,
  ): void;
  /** Nest calls it for what has no packet id. */
  handleEvent?(pattern: string, packet: unknown, context: object): unknown;
  readonly transportId?: unknown;
  /** It says itself what cannot be read, and may hand over text on purpose. */
  readonly readsBodies?: boolean;
  readonly noAck?: boolean;
  readonly options?: { readonly noAssert?: boolean };
  readonly queueOptions?: QueueDeclarationLike;
}

/** @internal Those of the queue that a delivery came from. */
type ArrivalsOf = (delivery: object) => Arrivals;

/** @internal */
export interface RpcDoorParts {
  readonly contexts: Contexts;
  readonly driver: NestRmqDriver;
  readonly gate: Gate;
  /** Asked when the first handler is registered: then all controllers are there. */
  readonly methods: () => RpcMethods;
  /** What comes for a pattern, where its order matters to a handler of it. */
  readonly arrivalsFor: (pattern: unknown) => ArrivalsOf | undefined;
  /** What keeps this server from being used, asked when it is given a handler. */
  readonly problems: () => readonly string[];
  readonly warn: (text: string) => void;
  /** Of gRPC. */
  readonly answers: GrpcAnswers | undefined;
}

const DOOR = Symbol.for('@acme/nest-message-context:rpc-door');

/**
 * Puts the transport door on a Nest microservice server: every handler registered from now on runs in the context of its
 * message, guards and filters included. `addHandler` is where all transports meet, and it sees arguments and outcome.
 *
 * @throws {MessageContextConfigurationError} out of `addHandler`, where the server may not be used
 */
export function installRpcDoor(server: RpcServerLike, parts: RpcDoorParts): void {
  Object.defineProperty(server, DOOR, { value: true });
  const addHandler = server.addHandler.bind(server);
  const settles = !server.noAck;
  // Of RabbitMQ alone: others reply to topics and sockets, and acknowledge nothing.
  const replies = server.noAck === false ? Replies.of(server, parts.warn) : undefined;
  const isEvent = eventsOf(server);
  const served = new ServedMethods(server, parts.answers);
  let methods: RpcMethods | undefined;
  server.addHandler = (pattern, callback, isEventHandler = false, extras = {}) => {
    const problems = parts.problems();
    if (problems.length > 0) throw new MessageContextConfigurationError(problems);
    const name = typeof pattern === 'string' ? pattern : JSON.stringify(pattern);
    methods ??= parts.methods();
    const method = methods.take(pattern, isEventHandler);
    const arrivals = parts.arrivalsFor(pattern);
    const { readsBodies = false } = server;
    const own = { name, method, isEventHandler, arrivals, served };
    const entered = enter(callback, { ...parts, ...own, settles, replies, isEvent, readsBodies });
    served.given(name, entered, method);
    addHandler(pattern, entered, isEventHandler, extras);
  };
}

export const hasRpcDoor = (server: object): boolean =>
  (server as Record<symbol, unknown>)[DOOR] === true;

interface Entrance extends RpcDoorParts {
  readonly name: string;
  readonly method: HandlerMethod | undefined;
  readonly isEventHandler: boolean;
  readonly settles: boolean;
  readonly readsBodies: boolean;
  readonly arrivals: ArrivalsOf | undefined;
  readonly replies: Replies | undefined;
  readonly isEvent: (delivery: object) => boolean;
  readonly served: ServedMethods;
}

/**
 * Which deliveries of a server Nest handles as events: those that are no packet with an id. Nobody is answered then, wherever the sender
 * wants a reply to go.
 */
function eventsOf(server: RpcServerLike): (delivery: object) => boolean {
  if (!server.handleEvent) return () => false;
  const handleEvent = server.handleEvent.bind(server);
  const events = new WeakSet();
  server.handleEvent = (pattern, packet, context) => {
    const delivery = isRmqContext(context) && (context.getMessage() as Partial<AmqpDeliveryLike>);
    // Only these could be taken for requests, and entries cost.
    if (delivery && delivery.properties?.replyTo) events.add(delivery);
    return handleEvent(pattern, packet, context);
  };
  return (delivery) => events.has(delivery);
}

function enter(callback: RpcCallback, entrance: Entrance): RpcCallback {
  const entered: RpcCallback = (...args) => {
    const call = rpcCallOf(args, entrance.name, !entrance.isEventHandler, entrance.isEvent);
    if (!call) return callback(...args);
    const { contexts, gate, method, settles: isSettled } = entrance;
    const current = MessageContext.current();
    if (current?.key === call.key) {
      const sibling = contexts.sibling(current, call.facts());
      sibling.message.deliveredTo = method;
      sibling.message.arrival = current.message.arrival?.besides();
      return besides(current, sibling, callback, args);
    }
    const settles = call.rmq !== undefined && isSettled;
    const context = contexts.open(call.facts(), settles, call.key);
    context.message.deliveredTo = method;
    const handle = handlerFor(context, gate, callback);
    if (call.hasRequestStream) {
      args[call.payloadIndex] = reenterRequestStream(
        args[call.payloadIndex] as Observable<unknown>,
        context,
      );
    }
    if (call.isGrpc && entrance.answers)
      return answeredBy(entrance.answers, context, handle, args, {
        isPassThrough: call.payloadIndex < 0,
        answersByStream: entrance.served.answersByStream(entered),
      });
    if (!call.rmq || !settles) return inContext(context, handle, args);
    return settleByOutcome(context, handle, args, call.rmq, entrance);
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

function handlerFor(context: MessageContext, gate: Gate, callback: RpcCallback): RpcCallback {
  if (isOverdue(context.message)) return refusing(context);
  return gate.isOpen ? callback : behind(gate, callback);
}

/** The handler waits until the application is ready; its message is known and can be settled meanwhile. */
const behind =
  (gate: Gate, handle: RpcCallback): RpcCallback =>
  async (...args) => {
    try {
      await gate.pass();
    } catch (error) {
      return failing(error);
    }
    return handle(...args);
  };

/** In place of a handler, where nobody waits for what it would do. */
const refusing = ({ message }: MessageContext): RpcCallback => {
  const error = overdue();
  message.thrown = { error };
  return async () => failing(error);
};

/**
 * A further handler of an event under way: the first one settles for all, when all have ended. Nest joins their streams, and
 * so tears one down, or never starts it, because another has failed or has nothing to say. Where the outcome is settled this
 * one therefore runs for itself, and Nest is told that there is nothing to join.
 */
function besides(
  { message: { delivery, expectsReply } }: MessageContext,
  context: MessageContext,
  callback: RpcCallback,
  args: unknown[],
): Promise<unknown> {
  if (!delivery.settles || expectsReply) return inContext(context, callback, args);
  const handler = toItsEnd(inContext(context, callback, args), callback).finally(() =>
    context.message.arrival?.leave(),
  );
  (delivery as RecordedDelivery).await({ handler, context });
  return Promise.resolve();
}

/** Runs an event handler to its end, streams included. Nest itself would neither await it nor notice a failure. */
async function toItsEnd(running: Promise<unknown>, callback: RpcCallback): Promise<void> {
  const result = await running;
  const value: unknown = isObservable(result)
    ? await lastValueFrom(result, { defaultValue: undefined })
    : result;
  // Where another handler is chained, Nest returns what both have returned.
  const own = callback.next ? (value as { current?: unknown } | undefined)?.current : value;
  if (signalOf(own)) throw own as Error;
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
    return scoped(answeringByStatus(result, context), context);
  } finally {
    if (!handedOver) context.message.end();
  }
}

async function settleByOutcome(
  context: MessageContext,
  callback: RpcCallback,
  args: unknown[],
  rmq: NonNullable<RpcCall['rmq']>,
  { driver, arrivals, readsBodies, replies }: Entrance,
): Promise<unknown> {
  const { message } = context;
  const channel = rmq.context.getChannelRef() as AmqpChannelLike;
  const guarded = withChannel(rmq.context, guardedChannel(channel, rmq.delivery, message.delivery));
  const inner = [...args.slice(0, -1), guarded];
  let result: Promise<unknown>;
  if (!readsBodies && isUnreadable(rmq.delivery, message.payload)) {
    result = Promise.reject(new NonRetryableError('MESSAGE_UNREADABLE', { message: UNREADABLE }));
  } else {
    message.arrival = arrivals?.(rmq.delivery).enter(channel, rmq.delivery.fields.deliveryTag);
    result = inContext(context, callback, inner);
  }
  const succeeded = (): void => driver.succeeded(context, rmq.delivery, channel);
  if (message.expectsReply) {
    replies?.expect(rmq.delivery, succeeded);
    const ended = replies ? () => replies.ended(rmq.delivery) : succeeded;
    return settleRequest(result, context, ended);
  }
  const delivery = message.delivery as RecordedDelivery;
  try {
    await toItsEnd(result, callback);
  } catch (first) {
    const run = (): Promise<void> => toItsEnd(inContext(context, callback, inner), callback);
    const outcome = delivery.hasOthers
      ? { error: first }
      : driver.outcomeOf(first, context.message, run, rmq.delivery);
    const last = outcome instanceof Promise ? await outcome : outcome;
    if ('error' in last) delivery.failed({ error: last.error, context });
  }
  // Given back while another handler still runs, the message would be handled twice at once.
  if (delivery.hasOthers) await delivery.ended();
  const { failure } = delivery;
  if (failure) driver.failed(failure.error, failure.context, rmq.delivery, channel);
  else succeeded();
  message.arrival?.leave();
  return undefined;
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

/**
 * A request is settled when it is answered. A caller who was answered with an error is served, too: another attempt would answer twice.
 *
 * @param succeeded called once the last reply is on its way
 */
async function settleRequest(
  running: Promise<unknown>,
  context: MessageContext,
  succeeded: () => void,
): Promise<unknown> {
  try {
    const result = await running;
    if (signalOf(result)) throw result as Error;
    if (isObservable(result)) return result.pipe(finalize(succeeded));
    succeeded();
    return result;
  } catch (error) {
    context.message.thrown ??= { error };
    return answeringByStatus(failing(error), context).pipe(finalize(succeeded));
  }
}

/** The same RmqContext, with another channel. */
function withChannel(context: RmqContextLike, channel: unknown): RmqContextLike {
  const { args } = context as unknown as { args: readonly unknown[] };
  const replaced = [...args];
  replaced[1] = channel;
  // Not `Object.create(context)`: V8 makes whatever becomes a prototype anew, and this is done for every message.
  const copy = Object.create(Object.getPrototypeOf(context) as object) as object;
  return Object.assign(copy, context, { args: replaced });
}
