import { firstValueFrom, Observable, type TeardownLogic, type Subscriber } from 'rxjs';
import { Messages, type OpenCall } from './messages.js';

/** Something that was begun, and can be given up. */
export interface Running {
  cancel(): void;
}

/** Begins a call. Each time it is called it is another one. */
export interface Begin<T> {
  (observer: { next(value: T): void; error(error: unknown): void; complete(): void }): Running;
}

const subscribing =
  <T>(begin: Begin<T>) =>
  (subscriber: Subscriber<T>): TeardownLogic => {
    const running = begin(subscriber);
    return () => running.cancel();
  };

/**
 * A call that has not begun, and is answered once: `await` it as a promise, subscribe to it, or go through its one message with `for await`. It begins then: with each subscription and
 * each loop another one, and once for all who await it.
 */
export class GrpcResult<T> extends Observable<T> implements PromiseLike<T>, AsyncIterable<T> {
  readonly #begin: Begin<T>;
  #promise: Promise<T> | undefined;

  constructor(begin: Begin<T>) {
    super(subscribing(begin));
    this.#begin = begin;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it is to be awaited
  then<A = T, B = never>(
    onAnswer?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#promise ??= firstValueFrom(this);
    return this.#promise.then(onAnswer, onError);
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, onError);
  }

  finally(onEnd?: (() => void) | null): Promise<T> {
    return Promise.resolve(this).finally(onEnd);
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return new Messages(() => begun(this.#begin));
  }
}

/**
 * A call that has not begun, and is answered by a stream: subscribe to it, or go through its messages with `for await`. It begins then, each time another one. It has no one
 * answer: awaited it is what it is.
 */
export class GrpcStream<T> extends Observable<T> implements AsyncIterable<T> {
  readonly #open: () => OpenCall<T>;

  /** @param open begins it, for its messages to be taken one by one */
  constructor(begin: Begin<T>, open: () => OpenCall<T>) {
    super(subscribing(begin));
    this.#open = open;
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return new Messages(this.#open);
  }
}

function begun<T>(begin: Begin<T>): OpenCall<T> {
  let running: Running | undefined;
  const answer = new Promise<T>((next, error) => {
    running = begin({ next, error, complete: () => {} });
  });
  return {
    messages: (async function* only() {
      yield await answer;
    })(),
    answered: () => {},
    cancel: () => running?.cancel(),
    errorOf: (error) => error,
  };
}
