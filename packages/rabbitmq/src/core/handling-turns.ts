/** Beside whatever else is being handled, or with nothing else. */
export type Manner = 'beside' | 'alone';

interface Timers {
  /** How long others are kept from beginning, and how long they are waited for, in milliseconds. */
  readonly patienceMs: number;
  /** Calls `run` after `ms`, unless what it returns is called before. */
  after(ms: number, run: () => void): () => void;
}

/** Whoever begins and ends. */
interface TakesTurns {
  /** Kept on itself: a set of all that run would cost every message more than its turn does. */
  isRunning: boolean;
}

interface Waiting {
  readonly go: (manner: Manner) => void;
  manner: Manner | undefined;
  stopWaiting?: () => void;
  isImpatient: boolean;
}

/**
 * Who begins when, where some must be handled alone. They begin strictly in the order in which they came: whoever passed another one
 * would overtake it in the order of its key, or wait there for one that waits here.
 *
 * Nobody waits for ever. After `patienceMs` one that runs alone does so no longer, and one that waits to be alone begins beside what
 * still runs: that may wait for what is kept waiting here.
 */
export class HandlingTurns<T extends TakesTurns> {
  /** In the order in which they came. */
  readonly #waiting = new Map<T, Waiting>();
  #running = 0;
  #alone: { readonly who: T; readonly stop: () => void } | undefined;

  /** @param outlived told of one that ran alone for `patienceMs`, and still runs */
  constructor(
    private readonly timers: Timers,
    private readonly outlived: (who: T) => void,
  ) {}

  /** Whether one that may be handled beside others begins at once. */
  get isFree(): boolean {
    return this.#waiting.size === 0 && this.#alone === undefined;
  }

  /** Begins without asking, where that is free. */
  begin(who: T): void {
    this.#start(who);
  }

  /**
   * Waits for its turn, which comes once it is said how it is to be handled, by the function that is returned.
   *
   * @param go called once, when it begins
   */
  enter(who: T, go: (manner: Manner) => void): (manner: Manner) => void {
    const entry: Waiting = { go, manner: undefined, isImpatient: false };
    this.#waiting.set(who, entry);
    return (manner) => {
      entry.manner = manner;
      this.#proceed();
    };
  }

  isWaiting(who: T): boolean {
    return this.#waiting.has(who);
  }

  /** It has ended, or does not wait any more. */
  leave(who: T): void {
    if (who.isRunning) this.#running -= 1;
    who.isRunning = false;
    if (this.#alone?.who === who) this.#endAlone();
    this.#waiting.get(who)?.stopWaiting?.();
    this.#waiting.delete(who);
    this.#proceed();
  }

  #proceed(): void {
    for (const [who, next] of this.#waiting) {
      if (next.manner === undefined || this.#alone) return;
      if (next.manner === 'alone' && this.#running > 0 && !next.isImpatient) {
        next.stopWaiting ??= this.timers.after(this.timers.patienceMs, () => {
          next.isImpatient = true;
          this.#proceed();
        });
        return;
      }
      this.#waiting.delete(who);
      next.stopWaiting?.();
      this.#start(who);
      if (next.manner === 'alone') this.#beginAlone(who);
      next.go(next.manner);
    }
  }

  #start(who: T): void {
    who.isRunning = true;
    this.#running += 1;
  }

  #beginAlone(who: T): void {
    const stop = this.timers.after(this.timers.patienceMs, () => {
      this.#alone = undefined;
      this.outlived(who);
      this.#proceed();
    });
    this.#alone = { who, stop };
  }

  #endAlone(): void {
    this.#alone?.stop();
    this.#alone = undefined;
  }
}
