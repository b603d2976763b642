/** A call that has begun, message by message. */
export interface OpenCall<T> {
  readonly messages: AsyncIterator<T>;
  /** There are no more of them, and all is well. */
  answered(): void;
  /** Ends it: a message that is waited for comes no more, which `messages` tells at once by failing. */
  cancel(): void;
  /** What it failed with, as the application sees it. */
  errorOf(error: unknown): unknown;
}

/**
 * The messages of a call, each when it is asked for. No generator: its `return()` waits for the message that was asked for, and the other side may be silent
 * for ever.
 */
export class Messages<T> implements AsyncIterableIterator<T, undefined> {
  #call: OpenCall<T> | undefined;
  #isOver = false;

  constructor(private readonly open: () => OpenCall<T>) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#isOver) return DONE;
    try {
      this.#call ??= this.open();
      const result = await this.#call.messages.next();
      if (result.done !== true && !this.#isOver) return result;
      if (!this.#isOver) this.#call.answered();
    } catch (error) {
      if (!this.#isOver) {
        // Before it is ended: that alone would be called a cancellation.
        const failure = this.#call ? this.#call.errorOf(error) : error;
        this.#end();
        throw failure;
      }
    }
    this.#end();
    return DONE;
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#end();
    return DONE;
  }

  #end(): void {
    this.#isOver = true;
    this.#call?.cancel();
  }
}

const DONE = { done: true, value: undefined } as const;
