import type { HandlerMethod } from '../../doors/handler-method.js';
import type { GrpcAnswers, GrpcServed } from './grpc-answers.js';

/** Nest's gRPC server, as far as it says which method of a proto file a handler is for. */
export interface GrpcServerLike {
  createServiceMethod?(
    handler: object,
    method: { readonly responseStream?: boolean; readonly path?: string },
    ...more: unknown[]
  ): unknown;
  /** Looks for the handlers of all services. */
  bindEvents?(...args: unknown[]): unknown;
}

interface Made {
  answersByStream: boolean;
  readonly paths: Set<string>;
}

/**
 * What the handlers of a gRPC server are for: only the proto files know, and Nest tells by which of its methods it makes of each handler, when it starts. The
 * calls of grpc-js look alike.
 */
export class ServedMethods {
  readonly #made = new WeakMap<object, Made>();
  /** By pattern: of those that say the same, Nest calls the last one. */
  readonly #given = new Map<string, { called: object; readonly handlers: HandlerMethod[] }>();

  constructor(server: GrpcServerLike, answers: GrpcAnswers | undefined) {
    if (typeof server.createServiceMethod !== 'function') return;
    const create = server.createServiceMethod.bind(server);
    server.createServiceMethod = (handler, method, ...more) => {
      this.#add(handler, method);
      return create(handler, method, ...more);
    };
    if (!answers || typeof server.bindEvents !== 'function') return;
    const bind = server.bindEvents.bind(server);
    server.bindEvents = async (...args) => {
      await bind(...args);
      answers.check(this.#served());
    };
  }

  /** What the server was given for a pattern, and whose method that is. */
  given(pattern: string, called: object, handler: HandlerMethod | undefined): void {
    const handlers = this.#given.get(pattern)?.handlers ?? [];
    if (handler) handlers.push(handler);
    this.#given.set(pattern, { called, handlers });
  }

  /** Whether a handler that the server was given answers by a stream; undefined where that was never said. */
  answersByStream(called: object): boolean | undefined {
    return this.#made.get(called)?.answersByStream;
  }

  #add(called: object, { responseStream, path }: { responseStream?: boolean; path?: string }) {
    const made = this.#made.get(called) ?? { answersByStream: false, paths: new Set() };
    made.answersByStream = responseStream === true;
    if (path !== undefined) made.paths.add(path);
    this.#made.set(called, made);
  }

  #served(): GrpcServed[] {
    return [...this.#given.values()].map(({ called, handlers }) => ({
      handlers,
      paths: [...(this.#made.get(called)?.paths ?? [])],
    }));
  }
}
