import { randomUUID } from 'node:crypto';
import type { AttemptKey } from '@acme/nest-message-context';
import { StoredAttempts } from '../stage/stored-attempts.js';
import { same, until } from './case-tools.js';
import type { StoreContractFixture } from './contract.js';

type Cases = Record<string, (fixture: StoreContractFixture) => Promise<void>>;

/** Of a message of its own. */
const newKey = (): AttemptKey => ({ queue: 'orders', messageId: randomUUID() });

/** Begins, as a process that dies with it, until that is counted: one that follows within a millisecond is not. */
async function dieWith(attempts: StoredAttempts, key: AttemptKey): Promise<void> {
  const before = await attempts.crashes(key);
  await until(async () => {
    await attempts.begin(key);
    return (await attempts.crashes(key)) === before + 1;
  }, 'the handling is counted');
}

/** How often processes have died with a message. */
export const attemptCases: Cases = {
  'counts handlings that have begun and not ended, whoever has begun them': async (fixture) => {
    const { one, other } = bothOf(fixture);
    const key = newKey();
    same(await one.crashes(key), 0, 'of a message that was never handled');
    await dieWith(one, key);
    await dieWith(other, key);
    await dieWith(one, key);
    same([await one.crashes(key), await other.crashes(key)], [3, 3], 'after three of them');
  },

  'changes nothing by being asked': async (fixture) => {
    const { one } = bothOf(fixture);
    const key = newKey();
    await dieWith(one, key);
    for (let time = 0; time < 3; time += 1) same(await one.crashes(key), 1, 'the count');
  },

  'forgets a message of which one handling has ended, whoever has begun it': async (fixture) => {
    const { one, other } = bothOf(fixture);
    const key = newKey();
    await dieWith(one, key);
    await dieWith(one, key);
    await other.end(key);
    same(await one.crashes(key), 0, 'after the end');
    await other.end(key);
    await dieWith(one, key);
    same(await one.crashes(key), 1, 'of one that begins anew');
  },

  'counts each message by itself: its id, its queue, its service': async (fixture) => {
    const { one, other } = bothOf(fixture);
    const key = newKey();
    await dieWith(one, key);
    const elsewhere = { ...key, queue: 'payments' };
    same(await other.crashes(elsewhere), 0, 'of the same id in another queue');
    same(await other.crashes(newKey()), 0, 'of another id');
    const service = new StoredAttempts(fixture.store, 'another service');
    same(await service.crashes(key), 0, 'of another service');
  },
};

const bothOf = ({ store, other }: StoreContractFixture) => ({
  one: new StoredAttempts(store, 'contract'),
  other: new StoredAttempts(other, 'contract'),
});
