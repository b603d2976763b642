/** A message whose key has an order. */
export interface Keyed {
  readonly key: string;
  /** 0, 1 and so on of its key. */
  readonly n: number;
  /** How long its handler takes. */
  readonly ms: number;
}

export interface KeyedLoad {
  readonly messages: number;
  readonly keys: number;
  /** Handlers take 0 to so many, in whole milliseconds. */
  readonly maxMs: number;
}

/** The same for everybody and every time, without a pattern. */
export function keyed({ messages, keys, maxMs }: KeyedLoad): Keyed[] {
  const last = new Map<string, number>();
  let state = 1;
  const upTo = (limit: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % limit;
  };
  return Array.from({ length: messages }, () => {
    const key = `key-${upTo(keys)}`;
    const n = (last.get(key) ?? -1) + 1;
    last.set(key, n);
    return { key, n, ms: upTo(maxMs + 1) };
  });
}
