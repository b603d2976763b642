/** What a message asks of whoever handles it. */
export interface Task {
  readonly id: string;
  /** Messages of one key are to be handled in the order of `n`. */
  readonly key?: string;
  readonly n?: number;
  /** How long it takes. */
  readonly ms?: number;
  /** Unix milliseconds: until then it fails. */
  readonly failsUntil?: number;
  /** Nothing else runs in the process for so long, when it is handled for the first time. */
  readonly blocksMs?: number;
  /** The handler acks by itself, too. */
  readonly acksByHand?: boolean;
}

export const FOR_EVER = Number.MAX_SAFE_INTEGER;

/** As the event is called. */
export const PATTERN = 'task.v1';
/** As the request is called. */
export const ASK = `${PATTERN}.ask`;
