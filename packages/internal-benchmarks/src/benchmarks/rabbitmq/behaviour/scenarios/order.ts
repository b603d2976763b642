import { keyed } from '../../keyed.js';
import { reorderedIn } from '../ledger.js';
import type { Scenario } from '../scenario.js';
import { nothingLost } from '../expectations.js';

export const order: Scenario = {
  title: '480 messages of 24 keys, 0 to 5 ms each, prefetch 20',
  isShort: false,
  settings: { prefetch: 20, isOrdered: true },
  play: async (stage) => {
    const all = keyed({ messages: 480, keys: 24, maxMs: 5 }).map((task, index) => ({
      ...task,
      id: `m-${index}`,
    }));
    await stage.send(...all);
    await stage.untilDone(30_000);
    return { reordered: reorderedIn(stage.entries, all) };
  },
  expected: (outcome) => nothingLost(outcome) && outcome.reordered === 0,
};
