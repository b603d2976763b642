/** The load of every subject: about 500 bytes of JSON each, keys in turn. */
export interface Body {
  readonly key: string;
  /** Place among the messages of its key. */
  readonly n: number;
  readonly filler: string;
}

/** How many keys the messages are spread over. */
const KEYS = 1_000;

export const TYPE = 'order.placed.v1';

const FILLER = 'x'.repeat(455);

/** The `index`-th message of a backlog. */
export const bodyOf = (index: number): Body => ({
  key: `order-${index % KEYS}`,
  n: Math.floor(index / KEYS),
  filler: FILLER,
});
