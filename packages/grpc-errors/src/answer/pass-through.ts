import type { GrpcCallLike, GrpcHandling } from '@acme/nest-message-context';
import { catchError, defaultIfEmpty, of, type Observable } from 'rxjs';
import { trailersOf } from './trailers.js';

/** Told how a pass-through call is answered. */
export interface PassThroughEvents {
  /** What its handler answers with; returns what grpc-js is given in its place. */
  readonly failing: (error: unknown) => unknown;
  readonly answered: () => void;
  /** Nobody hears this failure: there was an answer before it. */
  readonly tooLate: (error: unknown) => void;
}

interface PassThroughCall extends GrpcCallLike {
  readonly writableEnded?: boolean;
  emit(event: string, ...args: unknown[]): boolean;
}

/**
 * A call whose handler has it itself. What it fails with it tells to grpc-js, by the callback or by the call, and that sends it as it is: what it cannot send ends the
 * process, or leaves the caller waiting. The first answer counts.
 */
export class PassThrough {
  readonly #emit: PassThroughCall['emit'];
  readonly #call: PassThroughCall;
  #isAnswered = false;

  constructor(
    handling: GrpcHandling,
    private readonly events: PassThroughEvents,
  ) {
    const call = (this.#call = handling.context.message.raw as PassThroughCall);
    const emit = (this.#emit = call.emit.bind(call));
    call.emit = (event, ...args) =>
      event === 'error' ? this.#fail(args[0]) : emit(event, ...args);
    handling.replaceCallback((given) => (error, answer, trailers, ...more) => {
      if (this.#hasAnswered(error)) return;
      this.#isAnswered = true;
      const own = trailers === undefined ? undefined : trailersOf(trailers, call);
      if (error) return given(events.failing(error), undefined, own);
      events.answered();
      given(null, answer, own, ...more);
    });
  }

  /**
   * What its handler has given. Nest waits for its last value, and what it fails with nobody hears: the process ends of it. Told to the call itself it reaches the
   * caller.
   *
   * @param statusOf what grpc-js is given then
   */
  guard(source: Observable<unknown>, statusOf: (error: unknown) => unknown): Observable<unknown> {
    return source.pipe(
      catchError((error: unknown) => {
        if (!this.#hasAnswered(error)) this.#send(statusOf(error));
        return of(undefined);
      }),
      defaultIfEmpty(undefined),
    );
  }

  #fail(error: unknown): boolean {
    return this.#hasAnswered(error) || this.#send(this.events.failing(error));
  }

  #hasAnswered(error: unknown): boolean {
    const hasAnswered = this.#isAnswered || this.#call.writableEnded === true;
    if (hasAnswered && error) this.events.tooLate(error);
    return hasAnswered;
  }

  #send(status: unknown): boolean {
    this.#isAnswered = true;
    return this.#emit('error', status);
  }
}
