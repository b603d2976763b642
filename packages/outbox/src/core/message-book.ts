/** What the book must know of a message. */
export interface Bookable {
  /** Place in insertion order. */
  readonly seq: number;
  readonly lane: number;
  /** Messages of one block go out one after the other. */
  readonly block: string;
}

interface Block<Row> {
  readonly queue: Row[];
  /** One of its messages was handed out and is not done. */
  busy: boolean;
}

/**
 * What a relay has in memory, and which message may go out next.
 *
 * One message of a block is out at a time, the lowest first: a second one on its way could arrive although the first is
 * refused. At most `window` messages are handed out and not yet removed from the database: exactly those are published twice
 * when the process dies.
 */
export class MessageBook<Row extends Bookable> {
  /** Whatever is not to be read again, also what is never handed out. */
  readonly #known = new Map<number, Bookable>();
  readonly #blocks = new Map<string, Block<Row>>();
  /** Blocks that have a message to hand out, in order of arrival. May name blocks that have none any more. */
  #ready: string[] = [];
  #nextReady = 0;
  #queued = 0;
  /** Handed out and not removed from the database. */
  readonly #out = new Set<number>();
  /** Those of them whose fate is unknown: their block waits. */
  readonly #flying = new Set<number>();

  constructor(private readonly window: number) {}

  /** Messages that wait to be handed out. */
  get queued(): number {
    return this.#queued;
  }

  /** Messages that were handed out and are still in the database. */
  get unsettled(): number {
    return this.#out.size;
  }

  get isEmpty(): boolean {
    return this.#known.size === 0;
  }

  /** Whatever is in the book, to be left out when reading. */
  seqs(): number[] {
    return [...this.#known.keys()];
  }

  rows(): IterableIterator<Bookable> {
    return this.#known.values();
  }

  /** Enters a message. One that is in the book already is ignored. */
  add(row: Row): void {
    if (this.#known.has(row.seq)) return;
    this.#known.set(row.seq, row);
    this.#queued += 1;
    let block = this.#blocks.get(row.block);
    if (!block) this.#blocks.set(row.block, (block = { queue: [], busy: false }));
    insertBySeq(block.queue, row);
    if (block.queue.length === 1 && !block.busy) this.#ready.push(row.block);
  }

  /** Enters a message that is only to be moved: it is left out when reading, and never handed out. */
  setAside(row: Bookable): void {
    this.#known.set(row.seq, row);
  }

  /** The next message to publish; undefined when there is none or the window is full. */
  take(): Row | undefined {
    if (this.#out.size >= this.window) return undefined;
    while (this.#nextReady < this.#ready.length) {
      const block = this.#blocks.get(this.#ready[this.#nextReady++] as string);
      this.#compactReady();
      const row = block && !block.busy ? block.queue.shift() : undefined;
      if (!block || !row) continue;
      block.busy = true;
      this.#queued -= 1;
      this.#out.add(row.seq);
      this.#flying.add(row.seq);
      return row;
    }
    return undefined;
  }

  /** The message has arrived: the next one of its block may go out. */
  landed(row: Bookable): void {
    if (!this.#flying.delete(row.seq)) return;
    const block = this.#blocks.get(row.block);
    if (!block) return;
    block.busy = false;
    if (block.queue.length > 0) this.#ready.push(row.block);
    else this.#blocks.delete(row.block);
  }

  /** The message is done with, or to be read again: forgets it. */
  forget(row: Bookable): void {
    if (!this.#known.delete(row.seq)) return;
    this.#out.delete(row.seq);
    this.landed(row);
  }

  /** Takes out what is queued in a block; it stays known until it is forgotten. */
  withdraw(block: string): Row[] {
    const rows = this.#blocks.get(block)?.queue.splice(0) ?? [];
    this.#queued -= rows.length;
    return rows;
  }

  /** Forgets what is queued, of one lane or of all. What was handed out stays. */
  dropQueued(lane?: number): void {
    for (const [name, block] of this.#blocks) {
      if (lane !== undefined && block.queue[0]?.lane !== lane) continue;
      for (const row of this.withdraw(name)) this.#known.delete(row.seq);
      if (!block.busy) this.#blocks.delete(name);
    }
  }

  #compactReady(): void {
    if (this.#nextReady < 1_024) return;
    this.#ready = this.#ready.slice(this.#nextReady);
    this.#nextReady = 0;
  }
}

/** Nearly always at the end; a transaction that committed late brings lower ones. */
function insertBySeq<Row extends Bookable>(queue: Row[], row: Row): void {
  let index = queue.length;
  while (index > 0 && (queue[index - 1] as Row).seq > row.seq) index -= 1;
  queue.splice(index, 0, row);
}
