import type { Metadata } from '@grpc/grpc-js';
import type { Duration } from '@acme/nest-message-context/kit';
import type { Observable } from 'rxjs';
import type { GrpcResult, GrpcStream } from './grpc-result.js';

/** How one call is made. */
export interface GrpcCallOptions {
  /** How long it may take. Never longer than the message that is being handled waits. @default that of the client */
  readonly timeout?: Duration;
  /** Ends the call when it is aborted. */
  readonly signal?: AbortSignal;
  /**
   * Goes along, besides what of the message that is being handled goes with every call. Texts of ASCII that can be printed; bytes under a key that ends in `-bin`. A call with
   * anything else fails before it is sent.
   */
  readonly metadata?: Metadata | Readonly<Record<string, string | Buffer>>;
  /** Sent as `idempotency-key`: the other service does it once, however often it is asked. */
  readonly idempotencyKey?: string;
  /** `false`: it is made once, whatever comes of it. @default as the client's `retry` says */
  readonly retry?: false;
  /** Whether it goes on when the message that is being handled has no more time, or nobody waits for it: for what nobody waits for. @default false */
  readonly detached?: boolean;
}

/** What the messages of a request are taken from. */
export type GrpcRequests<T> = Observable<T> | AsyncIterable<T> | Iterable<T>;

type RequestOf<T> =
  T extends Observable<infer One>
    ? GrpcRequests<One>
    : T extends AsyncIterable<infer One>
      ? GrpcRequests<One>
      : T;

type AnswerOf<T> =
  T extends Observable<infer One> ? One : T extends AsyncIterable<infer One> ? One : Awaited<T>;

/** A request in which nothing has to be said may be left out. */
type ArgumentsOf<Request> = undefined extends Request
  ? [request?: RequestOf<Request>, options?: GrpcCallOptions]
  : {} extends Request
    ? [request?: RequestOf<Request>, options?: GrpcCallOptions]
    : [request: RequestOf<Request>, options?: GrpcCallOptions];

/** Names of the methods that give one of these. */
type Giving<T, Answer> = {
  [K in keyof T]: T[K] extends (...given: never[]) => Answer ? K : never;
}[keyof T];

/** Where one answer is a Promise, an Observable is a stream; where everything is an Observable, the types do not say. */
type StreamsOf<T> =
  | Giving<T, AsyncIterable<unknown>>
  | ([Giving<T, PromiseLike<unknown>>] extends [never] ? never : Giving<T, Observable<unknown>>);

/**
 * A service as it is called from here.
 *
 * @typeParam T its methods as ts-proto writes them (`OrderServiceClient`, with Observables or with Promises), or an interface of your own
 * @typeParam Streams the methods that are answered by a stream, and so are nothing to await. To be named where `T` has Observables alone:
 * `GrpcService<OrderServiceClient, 'watchOrders'>`
 */
export type GrpcService<T, Streams extends keyof T = StreamsOf<T>> = {
  readonly [K in keyof T]: T[K] extends (request: infer Request, ...more: never[]) => infer Answer
    ? (
        ...given: ArgumentsOf<Request>
      ) => K extends Streams ? GrpcStream<AnswerOf<Answer>> : GrpcResult<AnswerOf<Answer>>
    : never;
};
