import { setTimeout as pause } from 'node:timers/promises';
import { allDoneAfter, begunAgain, longestPauseAfter, resumedAfter } from '../ledger.js';
import { allOnce, nothingLost } from '../expectations.js';
import type { Company, Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';
import { tasks } from '../tasks.js';

/** Work for ten at a time, and the time when something happens in the middle of it. */
async function underLoad(stage: Stage, count: number, ms = 100): Promise<void> {
  await stage.send(...tasks('load', count, { ms }));
  await stage.untilBegun(25);
}

export const connectionCut: Scenario = {
  title: 'the connection is cut while 10 of 100 are in work',
  isShort: true,
  play: async (stage) => {
    await underLoad(stage, 100);
    stage.proxy.cut();
    const at = Date.now();
    await stage.untilDone(30_000);
    // Not the next one: some that had come before the cut may begin a moment after it.
    return { recoveryMs: longestPauseAfter(stage.entries, at) };
  },
  expected: (outcome) => nothingLost(outcome) && outcome.duplicated <= 10 && !outcome.crashes,
};

export const terminated: Scenario = {
  title: 'SIGTERM while 10 of 80 are in work, of 400 ms each, then a new process',
  isShort: true,
  play: async (stage) => {
    await underLoad(stage, 80, 400);
    const { ms, ending } = await stage.supervisor.stop();
    await stage.start();
    await stage.untilDone(30_000);
    const again = begunAgain(stage.entries);
    return {
      begunAgain: again,
      note: `${again} begun again, ended in ${Math.round(ms)} ms${ending ? ` (${ending})` : ''}`,
    };
  },
  expected: (outcome) => allOnce(outcome) && outcome.begunAgain === 0,
};

export const queueDeleted: Scenario = {
  title: 'the queue is deleted and declared again, then 10 are sent',
  isShort: false,
  play: async (stage) => {
    await stage.send(...tasks('before', 5));
    await stage.untilDone(10_000);
    await stage.desk.delete(stage.place.queue);
    await pause(300);
    await stage.desk.declare();
    const at = Date.now();
    await stage.send(...tasks('after', 10));
    await stage.untilDone(15_000);
    return { recoveryMs: resumedAfter(stage.entries, at) };
  },
  expected: allOnce,
};

export const doubleAck: Scenario = {
  title: 'one handler acks by hand, too, amid 60',
  isShort: false,
  without: { 'rabbitmq-client': 'acks by itself only' },
  play: async (stage) => {
    await stage.send(
      ...tasks('before', 20, { ms: 100 }),
      ...tasks('by-hand', 1, { ms: 100, acksByHand: true }),
      ...tasks('after', 39, { ms: 100 }),
    );
    await stage.untilDone(30_000);
    const { entries } = stage;
    const acked = entries.find(({ what }) => what === 'acked');
    return { recoveryMs: acked ? longestPauseAfter(entries, acked.at) : null };
  },
  expected: allOnce,
};

export const loopBlocked: Scenario = {
  title: 'the event loop is blocked for 26 s, once',
  isShort: false,
  play: async (stage) => {
    await stage.send(
      ...tasks('before', 8, { ms: 300 }),
      ...tasks('blocks', 1, { blocksMs: 26_000 }),
      ...tasks('after', 30, { ms: 50 }),
    );
    await stage.untilDone(90_000);
    await pause(2_000);
    const unblocked = stage.entries.find(({ what, id }) => what === 'did' && id === 'blocks-0');
    return { recoveryMs: unblocked ? allDoneAfter(stage.entries, unblocked.at) : null };
  },
  expected: allOnce,
};

export const brokerRestarts: Scenario = {
  title: 'the broker restarts while 10 of 400 are in work',
  isShort: false,
  play: async (stage, { broker, together }: Company) => {
    await underLoad(stage, 400);
    await together(() => broker.restart());
    const at = Date.now();
    await stage.untilDone(60_000);
    return { recoveryMs: resumedAfter(stage.entries, at) };
  },
  expected: nothingLost,
};
