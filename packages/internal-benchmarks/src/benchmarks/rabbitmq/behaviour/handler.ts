import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Work } from './contestant.js';
import { attemptsOf, entriesOf, lineOf, type Entry } from './ledger.js';

/** What every contestant's handler does: it writes down what it does, at once, into a file that outlives it. */
export function handlerWith(ledger: string): Work {
  const note = (what: Entry['what'], id: string): void =>
    appendFileSync(ledger, lineOf({ at: Date.now(), pid: process.pid, what, id }));
  return async ({ id, ms = 0, failsUntil = 0, blocksMs = 0, acksByHand }, ack) => {
    note('began', id);
    if (blocksMs > 0 && attemptsOf(entriesOf(readFileSync(ledger, 'utf8')), id) === 1)
      block(blocksMs);
    if (ms > 0) await pause(ms);
    if (Date.now() < failsUntil) throw new Error('The warehouse does not answer.');
    note('did', id);
    if (acksByHand && ack) {
      note('acked', id);
      ack();
    }
    return { id };
  };
}

/** Blocks the event loop, and leaves the processor to others. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
