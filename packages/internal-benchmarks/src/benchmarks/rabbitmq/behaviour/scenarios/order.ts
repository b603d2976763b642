import { reorderedIn } from '../ledger.js';
import type { Scenario } from '../scenario.js';
import type { Task } from '../task.js';

const KEYS = 24;
const MESSAGES = 480;

/** The same for everybody, without a pattern: keys, and 0 to 5 ms. */
function shuffled(): Task[] {
  const last = new Map<string, number>();
  let state = 1;
  const upTo = (limit: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % limit;
  };
  return Array.from({ length: MESSAGES }, (_, index) => {
    const key = `key-${upTo(KEYS)}`;
    const n = (last.get(key) ?? -1) + 1;
    last.set(key, n);
    return { id: `m-${index}`, key, n, ms: upTo(6) };
  });
}

export const order: Scenario = {
  title: '480 messages of 24 keys, 0 to 5 ms each, prefetch 20',
  isShort: false,
  settings: { prefetch: 20 },
  play: async (stage) => {
    const all = shuffled();
    await stage.send(...all);
    await stage.untilDone(30_000);
    return { reordered: reorderedIn(stage.entries, all) };
  },
};
