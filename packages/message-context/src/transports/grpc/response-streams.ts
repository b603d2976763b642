/** Nest's gRPC server, as far as it says how a method is answered. */
export interface GrpcServerLike {
  createServiceMethod?(
    handler: object,
    method: { readonly responseStream?: boolean },
    ...more: unknown[]
  ): unknown;
}

/**
 * Which handlers answer by a stream: only the proto file knows, and Nest tells by which of its methods it makes of the handler. The calls of grpc-js
 * look alike.
 *
 * @returns whether a handler that the server was given answers by a stream; undefined where that was never said
 */
export function responseStreamsOf(
  server: GrpcServerLike,
): (handler: object) => boolean | undefined {
  const streams = new WeakMap<object, boolean>();
  if (typeof server.createServiceMethod === 'function') {
    const create = server.createServiceMethod.bind(server);
    server.createServiceMethod = (handler, method, ...more) => {
      streams.set(handler, method.responseStream === true);
      return create(handler, method, ...more);
    };
  }
  return (handler) => streams.get(handler);
}
