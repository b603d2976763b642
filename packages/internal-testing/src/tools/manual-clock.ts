interface Timer {
  readonly id: number;
  readonly at: number;
  readonly run: () => void;
}

/** A clock that stands still until a test moves it. Hand its members to whatever takes a clock as an argument. */
export class ManualClock {
  private timers: Timer[] = [];
  private lastId = 0;

  /** Starts at `start`, in milliseconds since 1970 (a fixed day in 2030 by default). */
  constructor(private time: number = Date.UTC(2030, 0, 1)) {}

  /** Milliseconds since 1970. */
  readonly now = (): number => this.time;

  /** Calls `run` once the clock has been moved `ms` milliseconds on. */
  readonly setTimeout = (run: () => void, ms: number): number => {
    const id = ++this.lastId;
    this.timers.push({ id, at: this.time + Math.max(0, ms), run });
    return id;
  };

  readonly clearTimeout = (id: number | undefined): void => {
    this.timers = this.timers.filter((timer) => timer.id !== id);
  };

  /** Resolves once the clock has been moved `ms` milliseconds on; rejects with the signal's reason when that is aborted. */
  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((done, fail) => {
      signal?.throwIfAborted();
      const abort = (): void => {
        this.clearTimeout(id);
        fail(signal?.reason as Error);
      };
      const id = this.setTimeout(() => {
        signal?.removeEventListener('abort', abort);
        done();
      }, ms);
      signal?.addEventListener('abort', abort, { once: true });
    });

  /** How many timers and sleeps wait. */
  get pending(): number {
    return this.timers.length;
  }

  /**
   * Moves the clock on by `ms` milliseconds and runs what falls due, each at its own time and in order; what is waiting for
   * it runs before the next one does, so a loop of sleeps goes round as often as it would.
   */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await settled();
    for (let due = this.nextDue(end); due; due = this.nextDue(end)) {
      this.clearTimeout(due.id);
      this.time = Math.max(this.time, due.at);
      due.run();
      await settled();
    }
    this.time = end;
  }

  private nextDue(end: number): Timer | undefined {
    const [next] = this.timers
      .filter(({ at }) => at <= end)
      .sort((a, b) => a.at - b.at || a.id - b.id);
    return next;
  }
}

const { setImmediate: realSetImmediate } = globalThis;

/** Promise chains that were set going have come to rest. */
const settled = (): Promise<void> => new Promise((done) => realSetImmediate(done));
