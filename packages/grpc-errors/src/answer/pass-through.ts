import type { GrpcCallLike, GrpcHandling } from '@acme/nest-message-context';
import { catchError, concatMap, defaultIfEmpty, isObservable, of, tap } from 'rxjs';
import { readSafely } from '../core/read-safely.js';
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
  end(trailers?: unknown): unknown;
  destroy(error?: unknown): unknown;
}

/**
 * A call whose handler has it itself. What it fails with it tells to grpc-js, by the callback or by the call, and that sends it as it is: what it cannot send ends the
 * process, or leaves the caller waiting. The first answer counts.
 */
export class PassThrough {
  readonly #emit: PassThroughCall['emit'];
  readonly #call: PassThroughCall;
  #isAnswered = false;
  /** Why its handler wanted it destroyed, before there was an answer. */
  #destroyed: { readonly error: unknown } | undefined;
  #hasEnded = false;

  constructor(
    handling: GrpcHandling,
    private readonly events: PassThroughEvents,
  ) {
    const call = (this.#call = handling.context.message.raw as PassThroughCall);
    const emit = (this.#emit = call.emit.bind(call));
    call.emit = (event, ...args) =>
      event === 'error' ? this.#fail(args[0]) : emit(event, ...args);
    const end = call.end.bind(call);
    call.end = (trailers) => end(trailers && trailersOf(trailers, call));
    const destroy = call.destroy.bind(call);
    // By grpc-js itself only when it has done with it.
    call.destroy = (error) => (call.cancelled ? destroy(error) : this.#putOff(error));
    handling.replaceCallback((given) => (error, answer, trailers, ...more) => {
      if (this.#hasAnswered(error)) return;
      this.#isAnswered = true;
      const own = trailers === undefined ? undefined : trailersOf(trailers, call);
      if (error) return given(events.failing(error), undefined, own);
      events.answered();
      given(null, answer, own, ...more);
    });
  }

  /** Whether there was an answer, or one has begun to end. */
  get isAnswered(): boolean {
    return this.#isAnswered || this.#call.writableEnded === true;
  }

  /**
   * What its handler has given. Nest waits for its last value, and what it fails with nobody hears: the process ends of it. Told to the call itself it reaches the
   * caller.
   *
   * @param statusOf what grpc-js is given then
   */
  guard(given: unknown, statusOf: (error: unknown) => unknown): unknown {
    if (!isObservable(given)) {
      this.#end();
      return given;
    }
    return given.pipe(
      // Nest waits for a promise in it as well.
      concatMap(async (value) => value),
      tap({ complete: () => this.#end() }),
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
    if (this.isAnswered && error) this.events.tooLate(error);
    return this.isAnswered;
  }

  #send(status: unknown): boolean {
    this.#isAnswered = true;
    return this.#emit('error', status);
  }

  /**
   * On a call that is destroyed nothing can be sent any more, and its caller waits. `for await` destroys what it has gone through, also after the last request, and
   * `pipeline` what has failed: their handlers have yet to say how it ends, and may wait for it to be closed.
   */
  #putOff(error: unknown): PassThroughCall {
    process.nextTick(() => this.#emit('close'));
    // Of a loop that is left.
    const own = readSafely(error, 'code') === 'ABORT_ERR' ? undefined : error;
    if (!this.#hasAnswered(own)) this.#destroyed ??= { error: own };
    if (this.#hasEnded) this.#end();
    return this.#call;
  }

  /** Its handler says nothing more: who has destroyed it without an answer must not leave the caller waiting. */
  #end(): void {
    this.#hasEnded = true;
    if (!this.#destroyed || this.isAnswered) return;
    const unanswered = 'its handler has destroyed the call without an answer. Give one, or throw.';
    this.#fail(this.#destroyed.error ?? new Error(unanswered));
  }
}
