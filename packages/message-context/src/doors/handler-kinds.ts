import type { HandlerKind } from './slots.js';

// Metadata keys of Nest and golevelup, stable since their first versions. Neither exports all of them, and golevelup is
// not imported here: a service without it must not need it.
const PATTERN_HANDLER = 'microservices:handler_type';
const PATTERN = 'microservices:pattern';
const TRANSPORT = 'microservices:transport';
const HTTP_PATH = 'path';
const HTTP_METHOD = 'method';
const SSE = '__sse__';
const RABBIT_HANDLER = 'RABBIT_HANDLER';

const EVENT_HANDLER = 2;

/** What golevelup's decorators leave on a method. */
export interface GolevelupHandlerConfig {
  readonly type?: string | undefined;
  /** Of an entry of the connection's `handlers`, which goes before what is said here. */
  readonly name?: string | undefined;
  readonly connection?: string | undefined;
  readonly exchange?: string | undefined;
  readonly routingKey?: string | readonly string[] | undefined;
  readonly queue?: string | undefined;
  readonly batchOptions?: unknown;
  readonly errorHandler?: unknown;
  readonly errorBehavior?: unknown;
}

/** By which doors messages reach a method, read from the metadata its decorators left. */
export function handlerKindsOf(method: object): ReadonlySet<HandlerKind> {
  const kinds = new Set<HandlerKind>();
  if (Reflect.hasMetadata(HTTP_PATH, method) && Reflect.hasMetadata(HTTP_METHOD, method)) {
    kinds.add(Reflect.hasMetadata(SSE, method) ? 'sse' : 'http');
  }
  for (const kind of rpcKindsOf(method)) kinds.add(kind);
  const rabbit = golevelupConfigOf(method);
  if (rabbit) kinds.add(rabbitKindOf(rabbit));
  if (kinds.size === 0) kinds.add('method');
  return kinds;
}

/** Whether some transport delivers messages to this method. */
export const isMessageHandler = (method: object): boolean => !handlerKindsOf(method).has('method');

function rpcKindsOf(method: object): HandlerKind[] {
  const handlerType: unknown = Reflect.getMetadata(PATTERN_HANDLER, method);
  if (handlerType === undefined) return [];
  if (handlerType === EVENT_HANDLER) return ['event'];
  return patternsOf(method).map(requestKindOf);
}

/** `@GrpcMethod` and its like leave the pattern `{ service, rpc, streaming }`. */
function requestKindOf(pattern: unknown): HandlerKind {
  if (
    typeof pattern !== 'object' ||
    pattern === null ||
    !('service' in pattern && 'rpc' in pattern)
  )
    return 'request';
  const { streaming } = pattern as { streaming?: unknown };
  return streaming === undefined || streaming === 'no_stream' ? 'grpc' : 'grpc-stream';
}

/** The patterns of a method that Nest's transports deliver to: all of them, or that one. */
export function patternsOf(method: object, transportId?: unknown): readonly unknown[] {
  const transport: unknown = Reflect.getMetadata(TRANSPORT, method);
  if (transport !== undefined && transportId !== undefined && transport !== transportId) return [];
  return [(Reflect.getMetadata(PATTERN, method) ?? []) as unknown].flat();
}

/** Of a method that golevelup delivers to. */
export function golevelupConfigOf(method: object): GolevelupHandlerConfig | undefined {
  const key = Reflect.getMetadataKeys(method).find((candidate: unknown) =>
    typeof candidate === 'symbol'
      ? candidate.description === RABBIT_HANDLER
      : candidate === RABBIT_HANDLER,
  ) as string | symbol | undefined;
  return key === undefined
    ? undefined
    : (Reflect.getMetadata(key, method) as GolevelupHandlerConfig | undefined);
}

function rabbitKindOf({ type, batchOptions }: GolevelupHandlerConfig): HandlerKind {
  if (type === 'rpc') return 'golevelup-rpc';
  return batchOptions === undefined ? 'golevelup-subscribe' : 'golevelup-batch';
}
