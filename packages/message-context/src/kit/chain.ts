/** What can stand in a `Chain`: in one at a time. The fields are the chain's. */
export interface Linked<T> {
  previous: T | undefined;
  next: T | undefined;
  /** In which it stands. */
  chain: object | undefined;
}

/**
 * A set in the order in which things came, for what comes and goes with every message. A `Set` or `Map` makes itself a new table every so
 * many entries, and each table that it leaves behind holds what was in it then and leads to the next: once one of them has become old to
 * the garbage collector, everything after it does, and is kept until a major collection. That costs more than handling a message.
 */
export class Chain<T extends Linked<T>> implements Iterable<T> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first;
  }

  has(one: T): boolean {
    return one.chain === this;
  }

  /** Puts it at the end. What stands somewhere already is left there. */
  add(one: T): void {
    if (one.chain) return;
    one.chain = this;
    one.previous = this.#last;
    if (this.#last) this.#last.next = one;
    else this.#first = one;
    this.#last = one;
    this.#size += 1;
  }

  /** Returns whether it was there. */
  remove(one: T): boolean {
    if (one.chain !== this) return false;
    const { previous, next } = one;
    if (previous) previous.next = next;
    else this.#first = next;
    if (next) next.previous = previous;
    else this.#last = previous;
    // Whoever is gone leads to nobody: he may live longer than they.
    one.previous = one.next = one.chain = undefined;
    this.#size -= 1;
    return true;
  }

  /** The first first; as they stood when it began. */
  [Symbol.iterator](): Iterator<T> {
    const all: T[] = [];
    for (let one = this.#first; one; one = one.next) all.push(one);
    return all[Symbol.iterator]();
  }
}
