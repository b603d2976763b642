/** The outcome of a call, where it stands for everybody. */
export interface Known {
  readonly outcome: string | undefined;
}

/** A value that comes once; nothing is made for it unless somebody waits. */
class Coming<T> {
  #value: { readonly value: T } | undefined;
  #waited: Promise<T> | undefined;
  #tell: ((value: T) => void) | undefined;

  get promise(): Promise<T> {
    this.#waited ??= this.#value
      ? Promise.resolve(this.#value.value)
      : new Promise((tell) => (this.#tell = tell));
    return this.#waited;
  }

  come(value: T): void {
    if (this.#value) return;
    this.#value = { value };
    this.#tell?.(value);
  }
}

/** The call of this process that asks the store, or runs, on behalf of all that have its key. */
export class Leader {
  /** What the key is used for, once the store has answered and as far as that tells. */
  fingerprint: string | undefined;
  readonly #answered = new Coming<undefined>();
  readonly #ended = new Coming<Known | undefined>();

  /** The store has answered, or never will. Before, nobody knows whether anything is under way. */
  get answered(): Promise<undefined> {
    return this.#answered.promise;
  }

  /** The outcome, where it stands for everybody; undefined: ask the store. */
  get ended(): Promise<Known | undefined> {
    return this.#ended.promise;
  }

  answer(fingerprint: string | undefined): void {
    this.fingerprint = fingerprint;
    this.#answered.come(undefined);
  }

  end(known: Known | undefined): void {
    this.#answered.come(undefined);
    this.#ended.come(known);
  }
}
