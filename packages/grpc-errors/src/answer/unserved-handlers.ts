import 'reflect-metadata';
import { handlerName, type GrpcServed, type HandlerMethod } from '@acme/nest-message-context';

/** Of Nest. */
const PATTERN = 'microservices:pattern';

/**
 * Handlers that no call comes to, as the proto files have no such method: Nest says nothing of them, and callers get `UNIMPLEMENTED`. Only of services that this server answers,
 * or where it answers none at all: another server of the application may have the others.
 */
export function unservedHandlers(served: readonly GrpcServed[]): string[] {
  const paths = served.flatMap((one) => one.paths);
  const isAnswered = (service: string): boolean =>
    paths.some((one) => one.startsWith(`/${service}/`) || one.includes(`.${service}/`));
  const lines = served
    .filter((one) => one.paths.length === 0)
    .flatMap(({ handlers }) => handlers)
    .flatMap((handler) => namesOf(handler).map((name) => ({ handler, ...name })))
    .filter(({ service }) => paths.length === 0 || isAnswered(service))
    .map(
      ({ handler, service, rpc }) =>
        `${handlerName(handler.handler)} gets no calls: the proto files of its server have no ${service}/${rpc}. Name it in its decorator as they do.`,
    );
  return [...new Set(lines)];
}

/** What `@GrpcMethod()` and its like have named; other transports have other patterns. */
function namesOf({ method }: HandlerMethod): { service: string; rpc: string }[] {
  const patterns = (Reflect.getMetadata(PATTERN, method) ?? []) as unknown[];
  return patterns.filter(
    (one): one is { service: string; rpc: string } =>
      typeof one === 'object' && one !== null && 'service' in one && 'rpc' in one,
  );
}
