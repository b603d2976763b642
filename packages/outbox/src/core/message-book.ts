/** What the book must know of a message. */
export interface Bookable {
  /** Which table it is in. */
  readonly place: 'pending' | 'waiting';
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

/** `aside`: only to be moved. `out`: handed out, its fate unknown. `landed`: arrived, and still in the database. */
type State = 'queued' | 'aside' | 'out' | 'landed';

interface Entry {
  readonly row: Bookable;
  state: State;
}

/**
 * What a relay has in memory, and which message may go out next.
 *
 * One message of a block is out at a time, the lowest first: a second one on its way could arrive although the first is
 * refused. At most `window` messages are handed out and not yet removed from the database: exactly those are published twice
 * when the process dies.
 */
export class MessageBook<Row extends Bookable> {
  readonly #entries = new Map<number, Entry>();
  readonly #blocks = new Map<string, Block<Row>>();
  /** Blocks that have a message to hand out, in order of arrival. May name blocks that have none any more. */
  #ready: string[] = [];
  #nextReady = 0;
  #queued = 0;
  #heads = 0;
  #unsettled = 0;
  #reserved = 0;
  readonly #crowded = new Set<string>();
  #relieved = 0;

  /** @param crowd so many messages of one block in the queue are enough of it */
  constructor(
    private readonly window: number,
    private readonly crowd = Infinity,
  ) {}

  /** Messages that wait to be handed out. */
  get queued(): number {
    return this.#queued;
  }

  /** Blocks that have such messages: so many could be under way at once. */
  get heads(): number {
    return this.#heads;
  }

  /** Blocks of which enough is queued: more would only keep others from being read. */
  get crowded(): string[] {
    return [...this.#crowded];
  }

  /** Grows when a block is no longer crowded. */
  get relieved(): number {
    return this.#relieved;
  }

  /** Messages that were handed out and are still in the database. */
  get unsettled(): number {
    return this.#unsettled;
  }

  /** Whether one more may be handed out, the reserved places included. */
  get hasRoom(): boolean {
    return this.#unsettled < this.window;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Whatever is in the book, to be left out when reading. */
  seqs(): number[] {
    return [...this.#entries.keys()];
  }

  *rows(): IterableIterator<Bookable> {
    for (const { row } of this.#entries.values()) yield row;
  }

  /** Enters a message. One that is in the book already is ignored. */
  add(row: Row): void {
    if (this.#entries.has(row.seq)) return;
    this.#entries.set(row.seq, { row, state: 'queued' });
    this.#queued += 1;
    let block = this.#blocks.get(row.block);
    if (!block) this.#blocks.set(row.block, (block = { queue: [], busy: false }));
    insertBySeq(block.queue, row);
    if (block.queue.length === 1) this.#heads += 1;
    if (block.queue.length === 1 && !block.busy) this.#ready.push(row.block);
    if (block.queue.length >= this.crowd) this.#crowded.add(row.block);
  }

  /** Enters a message that is only to be moved: it is left out when reading, and never handed out. */
  setAside(row: Bookable): void {
    this.#entries.set(row.seq, { row, state: 'aside' });
  }

  /** Enters a message that is published past the queue. It takes its place in the window: see to it that it has room. */
  handOut(row: Bookable): void {
    this.#entries.set(row.seq, { row, state: 'out' });
    this.#unsettled += 1;
  }

  /** Keeps so many places of the window, at most half of it, for what is published past the queue. Zero gives them back. */
  reserve(places: number): void {
    this.#reserved = Math.min(places, Math.ceil(this.window / 2));
  }

  /** The next message to publish; undefined when there is none or the window is full. */
  take(alsoReserved = false): Row | undefined {
    if (this.#unsettled >= this.window - (alsoReserved ? 0 : this.#reserved)) return undefined;
    while (this.#nextReady < this.#ready.length) {
      const block = this.#blocks.get(this.#ready[this.#nextReady++] as string);
      this.#compactReady();
      const row = block && !block.busy ? block.queue.shift() : undefined;
      if (!block || !row) continue;
      block.busy = true;
      this.#queued -= 1;
      this.#left(row.block, block.queue.length);
      this.#unsettled += 1;
      (this.#entries.get(row.seq) as Entry).state = 'out';
      return row;
    }
    return undefined;
  }

  /** The message has arrived: the next one of its block may go out. */
  landed({ seq }: Bookable): void {
    const entry = this.#entries.get(seq);
    if (entry?.state !== 'out') return;
    entry.state = 'landed';
    this.#free(entry.row.block);
  }

  /** The message is done with, or to be read again: forgets it. */
  forget({ seq }: Bookable): void {
    const entry = this.#entries.get(seq);
    if (!entry) return;
    this.#entries.delete(seq);
    if (entry.state === 'out') this.#free(entry.row.block);
    if (entry.state === 'out' || entry.state === 'landed') this.#unsettled -= 1;
  }

  /** Takes out what is queued in a block; it stays known until it is forgotten. */
  withdraw(block: string): Row[] {
    const rows = this.#blocks.get(block)?.queue.splice(0) ?? [];
    this.#queued -= rows.length;
    if (rows.length > 0) this.#left(block, 0);
    for (const { seq } of rows) (this.#entries.get(seq) as Entry).state = 'aside';
    return rows;
  }

  /** Forgets what is queued, of one lane or of all. What was handed out stays. */
  dropQueued(lane?: number): void {
    for (const [name, block] of this.#blocks) {
      if (lane !== undefined && block.queue[0]?.lane !== lane) continue;
      for (const row of this.withdraw(name)) this.#entries.delete(row.seq);
      if (!block.busy) this.#blocks.delete(name);
    }
  }

  /** So many are left in the queue of a block. */
  #left(block: string, queued: number): void {
    if (queued === 0) this.#heads -= 1;
    if (queued <= this.crowd / 2 && this.#crowded.delete(block)) this.#relieved += 1;
  }

  #free(name: string): void {
    const block = this.#blocks.get(name);
    if (!block) return;
    block.busy = false;
    if (block.queue.length > 0) this.#ready.push(name);
    else this.#blocks.delete(name);
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
