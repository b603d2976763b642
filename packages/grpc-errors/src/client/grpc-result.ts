import { firstValueFrom, Observable } from 'rxjs';

/** Something that was begun, and can be given up. */
export interface Running {
  cancel(): void;
}

/** Begins a call. Each time it is called it is another one. */
export interface Begin<T> {
  (observer: { next(value: T): void; error(error: unknown): void; complete(): void }): Running;
}

/**
 * A call that has not begun: `await` it for its one answer, subscribe to it, or go through its messages with `for await`. It begins then: with each subscription and each
 * loop another one, and once for all who await it.
 */
export class GrpcResult<T> extends Observable<T> implements PromiseLike<T>, AsyncIterable<T> {
  #promise: Promise<T> | undefined;

  /**
   * @param stream its messages one by one, each when it is asked for; undefined where there is only one
   */
  constructor(
    begin: Begin<T>,
    private readonly messages: (() => AsyncIterable<T>) | undefined,
  ) {
    super((subscriber) => {
      const running = begin(subscriber);
      return () => running.cancel();
    });
    // A stream has no one answer, and awaited it is the stream.
    // oxlint-disable-next-line unicorn/no-thenable -- on the contrary
    if (messages) Object.defineProperty(this, 'then', { value: undefined });
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it is to be awaited
  then<A = T, B = never>(
    onAnswer?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#promise ??= firstValueFrom(this);
    return this.#promise.then(onAnswer, onError);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    if (this.messages) yield* this.messages();
    else yield await this;
  }
}
