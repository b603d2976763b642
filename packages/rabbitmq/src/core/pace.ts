/** Spaces what is done evenly, so many times a second and no faster after a pause. Times are milliseconds of any clock that only grows. */
export class Pace {
  #next = 0;
  readonly #gapMs: number;

  /** @param perSecond undefined: as fast as it goes */
  constructor(perSecond: number | undefined) {
    this.#gapMs = perSecond === undefined ? 0 : 1_000 / perSecond;
  }

  /** How long the next one has to wait; it counts as done then. */
  next(now: number): number {
    const at = Math.max(now, this.#next);
    this.#next = at + this.#gapMs;
    return at - now;
  }
}
