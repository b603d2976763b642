import type { Contexts } from '../../context/contexts.js';
import type { GolevelupDriver, GolevelupErrorHandler } from './golevelup-driver.js';
import { golevelupFactsOf } from '../amqp/amqp-facts.js';
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
  readonly configuration?: { readonly defaultSubscribeErrorBehavior?: unknown } | undefined;
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
  for (const creator of CREATORS) {
    const create = connection[creator].bind(connection);
    connection[creator] = (handler, given, ...rest) => {
      const options = { ...inherited(connection, creator), ...given };
      if (options.createQueueIfNotExists !== false)
        queueWarnings(options.queue ?? '', options.queueOptions).forEach(parts.warn);
      return create(enter(handler, options, parts), withSafeErrorHandlers(options, parts), ...rest);
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

function enter(
  handler: Handler,
  options: HandlerOptions,
  { contexts, driver }: GolevelupDoorParts,
): Handler {
  const ownFailurePolicy = Boolean(
    options.errorHandler ?? options.errorBehavior ?? options.batchOptions?.errorHandler,
  );
  return async (payload, raw, headers) => {
    const facts = golevelupFactsOf(raw, payload);
    if (!facts) return handler(payload, raw, headers);
    const context = contexts.openOrJoin(raw as object, () => facts, true);
    const run = async (): Promise<unknown> => handler(context.message.payload, raw, headers);
    try {
      return await driver.settle(context, () => context.run(run), { ownFailurePolicy });
    } finally {
      context.message.end();
    }
  };
}

/**
 * golevelup calls an error handler for what it could not parse and for what it could not settle. None of them may throw:
 * that is an unhandled rejection and the end of the process.
 */
function withSafeErrorHandlers(
  options: HandlerOptions,
  { driver }: GolevelupDoorParts,
): HandlerOptions {
  const { batchOptions, errorHandler, errorBehavior } = options;
  // golevelup prefers an error handler to a behaviour: where the user chose the behaviour, ours must not hide it.
  const safe =
    errorHandler || errorBehavior === undefined
      ? { errorHandler: driver.safeErrorHandler(errorHandler) }
      : {};
  if (!batchOptions?.errorHandler) return { ...options, ...safe };
  const batchErrorHandler = driver.safeErrorHandler(batchOptions.errorHandler);
  return {
    ...options,
    ...safe,
    batchOptions: { ...batchOptions, errorHandler: batchErrorHandler },
  };
}
