import type { Keyed } from './keyed.js';

export const TYPE = 'order.placed.v1';

const FILLER = 'x'.repeat(455);

/** The load of every subject: about 500 bytes of JSON each. */
export const bodyOf = (index: number) => ({ n: index, filler: FILLER });

/** How a message says what it is: by its property `type`, or as stock Nest packs it. */
export type Form = 'plain' | 'packet';

/** About as large, and with what an order needs. */
export const keyedContent = (message: Keyed): Buffer =>
  Buffer.from(JSON.stringify({ ...message, filler: FILLER }));

export function contentOf(index: number, form: Form): Buffer {
  const data = bodyOf(index);
  return Buffer.from(JSON.stringify(form === 'plain' ? data : { pattern: TYPE, data }));
}
