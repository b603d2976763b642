/** Calls back once when the caller gives up; returns how to stop listening. */
export type CancellationSource = (onCancel: (reason: Error) => void) => () => void;

/** Node fires longer timers at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The abort signal of one message. Costs nothing until somebody asks for it: an `AbortController` with a listener is
 * among the dearest things on the path of a message.
 */
export class Cancellation {
  #controller: AbortController | undefined;
  #release: (() => void) | undefined;
  #abandoned: Error | undefined;
  #ended = false;

  constructor(
    private deadline: number | undefined,
    private readonly source: CancellationSource | undefined,
  ) {}

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#abandoned) this.#controller.abort(this.#abandoned);
      else if (!this.#ended) this.#release = this.listen(this.#controller);
    }
    return this.#controller.signal;
  }

  /** The caller went away before the end: whoever asks for the signal only now has to know it, too. */
  abandon(reason: Error): void {
    if (this.#ended) return;
    this.#abandoned = reason;
    this.#controller?.abort(reason);
  }

  /** Whoever has asked for the signal already has one that fires by then. */
  limitTo(deadline: number): void {
    this.deadline = deadline;
    if (!this.#controller || !this.#release) return;
    this.#release();
    this.#release = this.listen(this.#controller);
  }

  /** After this the signal never fires: transports report "closed" for calls that ended well, too. */
  end(): void {
    this.#ended = true;
    this.#release?.();
    this.#release = undefined;
  }

  private listen(controller: AbortController): () => void {
    const abort = (reason: Error): void => {
      if (!this.#ended) controller.abort(reason);
    };
    const stopListening = this.source?.(abort);
    const timer = this.deadline === undefined ? undefined : this.startTimer(this.deadline, abort);
    return () => {
      stopListening?.();
      clearTimeout(timer);
    };
  }

  private startTimer(deadline: number, abort: (reason: Error) => void): NodeJS.Timeout | undefined {
    const left = deadline - Date.now();
    if (left > LONGEST_TIMER_MS) return undefined;
    const reason = new DOMException(
      'The deadline of the message being handled has passed.',
      'TimeoutError',
    );
    if (left <= 0) {
      abort(reason);
      return undefined;
    }
    return setTimeout(() => abort(reason), left).unref();
  }
}
