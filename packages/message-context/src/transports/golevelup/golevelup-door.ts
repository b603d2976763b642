import type { Contexts } from '../../context/contexts.js';
import type {
  GolevelupDriver,
  GolevelupErrorHandler,
  GolevelupErrorPolicy,
} from './golevelup-driver.js';
import type { Settling } from '../../delivery/settlement.js';
import type { HandlerMethod } from '../../doors/handler-method.js';
import { golevelupFacts, golevelupFactsOf, type AmqpDeliveryLike } from '../amqp/amqp-facts.js';
import { Arrivals } from '../../delivery/arrivals.js';
import { NonRetryableError } from '../../delivery/outcome-signals.js';
import { replyHeaders } from '../../wire/reply-headers.js';
import { isOverdue, overdue } from '../../delivery/overdue.js';
import { queueWarnings, type QueueDeclarationLike } from '../amqp/queue-check.js';

type Handler = (payload: unknown, raw: unknown, headers: unknown) => unknown;

interface HandlerOptions {
  readonly queue?: string | undefined;
  readonly createQueueIfNotExists?: boolean | undefined;
  readonly errorHandler?: GolevelupErrorHandler | undefined;
  readonly errorBehavior?: unknown;
  readonly queueOptions?: QueueDeclarationLike | undefined;
  readonly batchOptions?: { readonly errorHandler?: GolevelupErrorHandler | undefined } | undefined;
}

type Create = (handler: Handler, options: HandlerOptions, ...rest: unknown[]) => unknown;

/** golevelup's `AmqpConnection`, as far as this door needs it. */
export interface GolevelupConnectionLike {
  createSubscriber: Create;
  createRpc: Create;
  createBatchSubscriber: Create;
  publish(
    exchange: string,
    routingKey: string,
    message: unknown,
    options: object,
  ): PromiseLike<unknown>;
  readonly managedConnection?:
    { on?(event: 'disconnect', listener: () => void): unknown } | undefined;
  readonly configuration?:
    | {
        readonly defaultSubscribeErrorBehavior?: unknown;
        readonly defaultRpcErrorHandler?: GolevelupErrorHandler | undefined;
      }
    | undefined;
}

export function isGolevelupConnection(value: unknown): value is GolevelupConnectionLike {
  if (typeof value !== 'object' || value === null) return false;
  const connection = value as Partial<GolevelupConnectionLike>;
  return CREATORS.every((creator) => typeof connection[creator] === 'function');
}

/** @internal */
export interface GolevelupDoorParts {
  readonly contexts: Contexts;
  readonly driver: GolevelupDriver;
  /** Of which method golevelup's function was made. */
  readonly methodOf: (handler: object) => HandlerMethod | undefined;
  /** What golevelup does for an error behaviour. */
  readonly behaviorOf: (behavior: unknown) => GolevelupErrorHandler;
  /** Whether what is parked is kept although a queue has no dead-letter exchange. */
  readonly keepsParked: boolean;
  readonly warn: (text: string) => void;
}

const CREATORS = ['createSubscriber', 'createRpc', 'createBatchSubscriber'] as const;
const DOOR = Symbol.for('@acme/nest-message-context:golevelup-door');

/**
 * Puts the transport door on one golevelup connection: every handler it is given from now on runs in the context of its
 * message, before guards, and is settled by outcome. Only this connection object is touched, so other applications in the
 * process are not concerned.
 */
export function installGolevelupDoor(
  connection: GolevelupConnectionLike,
  parts: GolevelupDoorParts,
): void {
  const marked = connection as GolevelupConnectionLike & Record<symbol, boolean>;
  if (marked[DOOR]) return;
  Object.defineProperty(connection, DOOR, { value: true });
  const consumers = new Set<Arrivals>();
  connection.managedConnection?.on?.('disconnect', () => consumers.forEach((one) => one.lose()));
  for (const creator of CREATORS) {
    const create = connection[creator].bind(connection);
    connection[creator] = (handler, given, ...rest) => {
      const options = { ...inherited(connection, creator), ...given };
      if (options.createQueueIfNotExists !== false)
        queueWarnings(options.queue ?? '', options.queueOptions, parts).forEach(parts.warn);
      const arrivals = new Arrivals(queueOf(options));
      consumers.add(arrivals);
      return create(
        enter(handler, options, creator, { ...parts, arrivals, connection }),
        withSafeErrorHandlers(
          options,
          creator,
          policyOf(options, creator, connection, parts),
          parts.methodOf(handler),
          parts,
        ),
        ...rest,
      );
    };
  }
}

/** What golevelup does where nobody said anything: a message that fails comes again at once, and again. */
const UNSAID = 'REQUEUE';

/** A behaviour that the user chose for all subscribers is as much his own as one that he chose for this one. */
function inherited(
  { configuration }: GolevelupConnectionLike,
  creator: (typeof CREATORS)[number],
): Pick<HandlerOptions, 'errorBehavior'> {
  const chosen = configuration?.defaultSubscribeErrorBehavior;
  return creator === 'createRpc' || chosen === undefined || chosen === UNSAID
    ? {}
    : { errorBehavior: chosen };
}

/**
 * golevelup prefers an error handler to a behaviour, so ours has to do what it hides. For an RPC golevelup looks at a behaviour
 * only where the connection has no handler for all of them, and by default it has one.
 */
function policyOf(
  { errorHandler, errorBehavior }: HandlerOptions,
  creator: (typeof CREATORS)[number],
  { configuration }: GolevelupConnectionLike,
  { behaviorOf }: GolevelupDoorParts,
): GolevelupErrorPolicy {
  if (errorHandler || errorBehavior === undefined) return { errorHandler };
  const forAll = creator === 'createRpc' ? configuration?.defaultRpcErrorHandler : undefined;
  const chosen = errorBehavior || configuration?.defaultSubscribeErrorBehavior;
  return { behavior: forAll ?? behaviorOf(chosen) };
}

function enter(
  handler: Handler,
  options: HandlerOptions,
  creator: (typeof CREATORS)[number],
  parts: GolevelupDoorParts & {
    readonly arrivals: Arrivals;
    readonly connection: GolevelupConnectionLike;
  },
): Handler {
  const { contexts, driver, methodOf, arrivals } = parts;
  const method = methodOf(handler);
  const consumer = {
    ownFailurePolicy: Boolean(
      options.errorHandler ?? options.errorBehavior ?? options.batchOptions?.errorHandler,
    ),
    queue: arrivals.queue,
    needsRoutingKey: needsRoutingKey(creator),
    reply: creator === 'createRpc' ? replyingBy(parts.connection) : undefined,
  };
  return async (payload, raw, headers) => {
    const facts = golevelupFactsOf(raw, payload, creator === 'createRpc');
    if (!facts) return handler(payload, raw, headers);
    const context = contexts.openOrJoin(raw as object, () => facts, true);
    context.message.deliveredTo = method;
    const arrival = (context.message.arrival = arrivals.enter());
    const run = (): unknown => {
      if (isOverdue(context.message)) throw overdue();
      return handler(context.message.payload, raw, headers);
    };
    try {
      return await driver.settle(context, () => context.run(run), consumer);
    } finally {
      arrival.leave();
      context.message.end();
    }
  };
}

/** golevelup itself replies with what a handler returns, and to one that fails not at all. */
const replyingBy =
  (connection: GolevelupConnectionLike) =>
  ({ properties: { replyTo, correlationId, headers } }: AmqpDeliveryLike, body: unknown) =>
    connection.publish('', replyTo!, body, {
      correlationId,
      headers: replyHeaders(headers),
      persistent: false,
    });

/**
 * golevelup calls an error handler for what the driver throws, for what it could not parse and for what it could not settle.
 * None of them may throw: that is an unhandled rejection and the end of the process.
 */
function withSafeErrorHandlers(
  options: HandlerOptions,
  creator: (typeof CREATORS)[number],
  policy: GolevelupErrorPolicy,
  handler: HandlerMethod | undefined,
  { driver, contexts }: GolevelupDoorParts,
): HandlerOptions {
  const { batchOptions } = options;
  const unreadable = (delivery: object, error: unknown): Settling => ({
    decision: { action: 'park', code: 'MESSAGE_UNREADABLE', reason: UNREADABLE },
    message: contexts.open(
      golevelupFacts(delivery as AmqpDeliveryLike, undefined, creator === 'createRpc'),
      true,
    ).message,
    handler,
    deliveries: [delivery as AmqpDeliveryLike],
    queue: queueOf(options),
    needsRoutingKey: needsRoutingKey(creator),
    error: new NonRetryableError('MESSAGE_UNREADABLE', { message: UNREADABLE, cause: error }),
  });
  const safe = { ...options, errorHandler: driver.safeErrorHandler(policy, unreadable) };
  if (!batchOptions?.errorHandler) return safe;
  const own = { errorHandler: batchOptions.errorHandler };
  const errorHandler = driver.safeErrorHandler(own, unreadable);
  return { ...safe, batchOptions: { ...batchOptions, errorHandler } };
}

const UNREADABLE =
  'MESSAGE_UNREADABLE: the body could not be read. Send JSON, or give the subscriber a deserializer for what is sent.';

const queueOf = ({ queue }: HandlerOptions): string | undefined => queue || undefined;

/** golevelup's RPC consumers drop what does not come under the routing key they were bound with. */
const needsRoutingKey = (creator: (typeof CREATORS)[number]): boolean => creator === 'createRpc';
