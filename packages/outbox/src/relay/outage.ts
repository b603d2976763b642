/** Whether something does not answer, and for how long. */
export class Outage {
  #since: number | undefined;

  /** In milliseconds; undefined while it answers. */
  get lastsMs(): number | undefined {
    return this.#since === undefined ? undefined : performance.now() - this.#since;
  }

  /** Returns whether that is news. */
  begin(): boolean {
    if (this.#since !== undefined) return false;
    this.#since = performance.now();
    return true;
  }

  /** Returns how long it lasted; undefined when there was none. */
  end(): number | undefined {
    const { lastsMs } = this;
    this.#since = undefined;
    return lastsMs;
  }
}
