import type { HandlerKind } from './slots.js';

// Metadata keys of Nest and golevelup, stable since their first versions. Neither exports all of them, and golevelup is
// not imported here: a service without it must not need it.
const PATTERN_HANDLER = 'microservices:handler_type';
const PATTERN = 'microservices:pattern';
const HTTP_PATH = 'path';
const HTTP_METHOD = 'method';
const SSE = '__sse__';
const RABBIT_HANDLER = 'RABBIT_HANDLER';

const EVENT_HANDLER = 2;

interface RabbitConfig {
  readonly type?: string;
  readonly batchOptions?: unknown;
}

/** By which doors messages reach a method, read from the metadata its decorators left. */
export function handlerKindsOf(method: object): ReadonlySet<HandlerKind> {
  const kinds = new Set<HandlerKind>();
  if (Reflect.hasMetadata(HTTP_PATH, method) && Reflect.hasMetadata(HTTP_METHOD, method)) {
    kinds.add(Reflect.hasMetadata(SSE, method) ? 'sse' : 'http');
  }
  for (const kind of rpcKindsOf(method)) kinds.add(kind);
  const rabbit = rabbitConfigOf(method);
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
  const patterns = [Reflect.getMetadata(PATTERN, method)].flat() as unknown[];
  return patterns.map(requestKindOf);
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

function rabbitConfigOf(method: object): RabbitConfig | undefined {
  const key = Reflect.getMetadataKeys(method).find((candidate: unknown) =>
    typeof candidate === 'symbol'
      ? candidate.description === RABBIT_HANDLER
      : candidate === RABBIT_HANDLER,
  ) as string | symbol | undefined;
  return key === undefined
    ? undefined
    : (Reflect.getMetadata(key, method) as RabbitConfig | undefined);
}

function rabbitKindOf({ type, batchOptions }: RabbitConfig): HandlerKind {
  if (type === 'rpc') return 'golevelup-rpc';
  return batchOptions === undefined ? 'golevelup-subscribe' : 'golevelup-batch';
}
