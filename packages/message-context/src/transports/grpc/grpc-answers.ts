import type { MessageContext } from '../../context/message-context.js';
import type { HandlerMethod } from '../../doors/handler-method.js';

/** A call of gRPC that is handled here. */
export interface GrpcHandling {
  readonly context: MessageContext;
  /** The method that it came to; undefined where that is a function that is no method. */
  readonly handler: HandlerMethod | undefined;
  /** Of `@GrpcStreamCall()`: its handler has the call itself, and answers by it. */
  readonly isPassThrough: boolean;
  /** Whether it is answered by a stream of messages, and not by one; undefined where the server has not said so. */
  readonly answersByStream: boolean | undefined;
  /** When it came, by `performance.now()`. */
  readonly cameAt: number;
  /** What was thrown, before exception filters made words of it; undefined as long as nothing was. */
  thrown(): { readonly error: unknown } | undefined;
  /** Nobody waits for it any more: the signal of its message is aborted with this reason. */
  abandon(reason: Error): void;
  /**
   * Of a pass-through call that is answered once: its handler gets another callback in place of that of grpc-js. To be called before `next()`; nothing happens on
   * other calls.
   */
  replaceCallback(make: (given: GrpcCallback) => GrpcCallback): void;
}

/** What a handler answers a call by that has the call itself: of grpc-js. */
export type GrpcCallback = (error: unknown, answer?: unknown, ...more: unknown[]) => void;

/** What a server has found for its handlers in its proto files. */
export interface GrpcServed {
  /** The methods that have said the same of themselves: Nest calls the last one. */
  readonly handlers: readonly HandlerMethod[];
  /** What they answer: `/user.v1.UserService/Get`. None where the proto files have nothing of that name. */
  readonly paths: readonly string[];
}

/**
 * What callers of gRPC are answered, and what the log says of those that fail. Provide one under this token, exported by a global module; where nobody does, an error that
 * carries a status (`STATUS`) is answered with that, and everything else as Nest does. Called by the transport door alone, for each call
 * of every microservice server of the application, inside the context of the call.
 */
export abstract class GrpcAnswers {
  /**
   * Around guards, pipes, handler and exception filters, once for each call.
   *
   * @param next calls them, once: gives a value or an `Observable`, and what fails is an `Observable` as well; it never rejects
   * @returns what Nest's server is to send: a value, or a stream that may fail. Must not reject
   */
  abstract around(handling: GrpcHandling, next: () => Promise<unknown>): Promise<unknown>;

  /**
   * Called for each server, before the application has started it: where it throws, the application does not start.
   */
  check(_served: readonly GrpcServed[]): void {}
}
