// Kills and freezes processes in plain methods; `crashes.int.spec.ts`, `duplicates.int.spec.ts` and `frozen.int.spec.ts` have the
// doors.
import { randomUUID } from 'node:crypto';
import {
  spawnChild,
  testDatabase,
  testRedis,
  type TestChild,
  type TestDatabase,
} from '@acme/internal-testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chargesOf, createCharges } from './support/ledger.js';

interface Answer {
  readonly id?: string;
  readonly inside?: number;
  readonly fence?: number;
  readonly value?: unknown;
  readonly error?: string;
}

const freezes = {
  transaction: [] as string[],
  lease: [
    'tells a process that was frozen longer than its lease, with a fence that grew meanwhile',
  ],
};

describe.each(['transaction', 'lease'] as const)('several processes, %s mode', (mode) => {
  let database: TestDatabase;
  let env: Record<string, string>;
  let order: string;

  beforeAll(async () => {
    database = await testDatabase();
    await createCharges(database);
    const redis = await testRedis();
    env = {
      MODE: mode,
      DATABASE: database.url,
      SCHEMA: database.schema,
      REDIS: redis.url,
      PREFIX: redis.prefix,
      LOCK_TTL: '1s',
    };
  });

  beforeEach(() => {
    order = randomUUID();
  });

  const start = async (): Promise<TestChild> => {
    const child = spawnChild(new URL('support/worker.mjs', import.meta.url), { env });
    await child.receive();
    return child;
  };

  const ask = async (child: TestChild, command: string, args: object = {}): Promise<Answer> => {
    const id = randomUUID();
    child.send({ id, command, order, ...args });
    return child.receive<Answer>((answer) => answer.id === id, { deadlineMs: 25_000 });
  };

  const inside = (child: TestChild): Promise<Answer> =>
    child.receive<Answer>((answer) => answer.inside !== undefined);

  const charges = (): Promise<number> => chargesOf(database, order);

  it.each(['before', 'after'] as const)(
    'lets the next attempt run when a process is killed %s the effect',
    async (moment) => {
      const [victim, heir] = await Promise.all([start(), start()]);
      victim.send({ command: 'hang', order, after: moment === 'after' });
      await inside(victim);
      const waiting = ask(heir, 'once');
      const killed = Date.now();
      await victim.kill('SIGKILL');
      expect((await waiting).value).toEqual({ by: heir.pid });
      // At once where the lock dies with its connection, within the lease where time has to tell: on a busy machine later, but
      // long before the waiter gives up.
      expect(Date.now() - killed).toBeLessThan(10_000);
      // Only a transaction takes the effect of the victim back.
      expect(await charges()).toBe(mode === 'lease' && moment === 'after' ? 2 : 1);
      await heir.kill();
    },
  );

  it.each(freezes[mode])('%s', async () => {
    const [frozen, heir] = await Promise.all([start(), start()]);
    const running = ask(frozen, 'slow');
    const before = await inside(frozen);
    frozen.freeze();
    const successor = ask(heir, 'slow');
    const after = await inside(heir);
    expect(after.fence).toBeGreaterThan(before.fence!);
    frozen.thaw();
    expect((await running).value).toEqual({ aborted: 'IDEMPOTENCY_LEASE_LOST' });
    await heir.kill();
    await expect(successor).rejects.toThrow('has ended');
    await frozen.kill();
  });
});
