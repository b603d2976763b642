import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Module } from '@nestjs/common';
import {
  openContext,
  startPrivate,
  tcpProxy,
  testDatabase,
  waitFor,
  type TestDatabase,
} from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  RedisIdempotencyStore,
  type IdempotencyModuleOptions,
  type RedisLike,
} from '@acme/nest-idempotency';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { chargesOf, createCharges, Gate } from './support/ledger.js';

let database: TestDatabase;
let order: string;

beforeAll(async () => {
  database = await testDatabase();
  await createCharges(database);
});

beforeEach(() => {
  order = randomUUID();
});

/** Each call of this is a process of its own as far as the store can tell. */
const open = async (client: RedisLike, options: Partial<IdempotencyModuleOptions> = {}) => {
  const store = new RedisIdempotencyStore(client);
  @Module({
    imports: [
      IdempotencyModule.forRoot({ namespace: 'failing', store, waitTimeout: '30s', ...options }),
    ],
  })
  class Failing {}
  const { app, close } = await openContext(Failing);
  const service = app.get(IdempotencyService);
  const charge = async (id: string): Promise<string> => {
    await database.pool.query('insert into charges (order_id) values ($1)', [id]);
    return `charged ${id}`;
  };
  return {
    close,
    charge: (id = order, before?: () => Promise<unknown>, after?: () => Promise<unknown>) =>
      service.run(
        id,
        async () => {
          await before?.();
          const reply = await charge(id);
          await after?.();
          return reply;
        },
        { name: 'charge' },
      ),
  };
};

const charges = (id = order): Promise<number> => chargesOf(database, id);

/** Clients of both libraries, closed after the test. */
const clients = {
  ioredis: async (url: string): Promise<RedisLike> => {
    const client = new Redis(url);
    client.on('error', () => {});
    onTestFinished(() => client.disconnect());
    return client;
  },
  'node-redis': async (url: string): Promise<RedisLike> => {
    const client = createClient({ url });
    client.on('error', () => {});
    await client.connect();
    onTestFinished(() => client.destroy());
    return client;
  },
};
const libraries = ['ioredis', 'node-redis'] as const;

it('goes on under load while Redis forgets its scripts again and again', async () => {
  const { url } = await startPrivate('redis');
  const [one, other] = await Promise.all([
    open(await clients.ioredis(url)),
    open(await clients['node-redis'](url)),
  ]);
  const operator = new Redis(url);
  onTestFinished(() => operator.disconnect());
  let flushes = 0;
  let working = true;
  const flushing = (async () => {
    while (working) {
      await operator.script('FLUSH');
      flushes += 1;
    }
  })();
  const orders = Array.from({ length: 150 }, () => randomUUID());
  const replies = await Promise.all(
    orders.flatMap((id) => [one.charge(id), other.charge(id), one.charge(id)]),
  );
  working = false;
  await flushing;
  expect(flushes).toBeGreaterThan(10);
  expect(replies).toEqual(orders.flatMap((id) => Array.from({ length: 3 }, () => `charged ${id}`)));
  expect(await Promise.all(orders.map((id) => charges(id)))).toEqual(orders.map(() => 1));
});

describe.each([
  // What was written is there again: nothing is repeated.
  ['every write on disk', { appendonly: 'yes', appendfsync: 'always' }, 1],
  // Nothing is there again. What runs records its outcome anew; what had been done is repeated.
  ['nothing on disk', {}, 2],
] as const)('Redis is restarted, %s', (_, settings, afterwards) => {
  it.each(libraries)('while a call is under way, and after it is done, %s', async (library) => {
    const redis = await startPrivate('redis', { settings });
    const { charge } = await open(await clients[library](redis.url));
    const done = randomUUID();
    await charge(done);
    const running = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const [id, inside, gate] = [randomUUID(), new Gate(), new Gate()];
        const reply = charge(id, undefined, () => {
          inside.open();
          return gate.passed;
        });
        await inside.passed;
        return { id, gate, reply };
      }),
    );
    await redis.kill('SIGKILL');
    // Those settle while it is down, the others when it is back.
    for (const { gate } of running.slice(0, 5)) gate.open();
    await redis.restart();
    for (const { gate } of running) gate.open();
    for (const { id, reply } of running) expect(await reply).toBe(`charged ${id}`);
    for (const { id } of running) {
      expect(await charge(id)).toBe(`charged ${id}`);
      expect(await charges(id)).toBe(1);
    }
    expect(await charge(done)).toBe(`charged ${done}`);
    expect(await charges(done)).toBe(afterwards);
  });
});

describe.each(libraries)('the connection is lost, %s', (library) => {
  /** A connection that a test cuts, and one that it does not. */
  const openBoth = async (options: Partial<IdempotencyModuleOptions> = {}) => {
    const redis = await startPrivate('redis');
    const proxy = await tcpProxy(redis.url);
    const [cut, sound] = await Promise.all([
      open(await clients[library](proxy.url), options),
      open(await clients.ioredis(redis.url), options),
    ]);
    // What connects is not what is tested, nor what the scripts are called.
    await cut.charge(randomUUID());
    return { proxy, cut, sound, look: (await clients.ioredis(redis.url)) as Redis };
  };
  const records = async (look: Redis, state: string): Promise<number> => {
    const keys = await look.keys('*');
    const found = await Promise.all(keys.map((key) => look.get(key)));
    // A record begins with the first letter of its state.
    return found.filter((one) => one?.startsWith(state[0]!)).length;
  };

  it('with the answer to a claim', async () => {
    const { proxy, cut, sound, look } = await openBoth({ lockTtl: '1s' });
    proxy.halfOpen('replies');
    const first = cut.charge().catch((error: unknown) => error);
    await waitFor(async () => (await records(look, 'running')) === 1);
    proxy.cut();
    proxy.restore();
    // Some clients ask again, and get the same answer; with others the call is refused, and may be repeated.
    const outcome = await first;
    expect([`charged ${order}`, 'IDEMPOTENCY_STORE_UNAVAILABLE']).toContain(
      outcome instanceof Error ? (outcome as Error & { code: string }).code : outcome,
    );
    expect(await Promise.all([cut.charge(), sound.charge()])).toEqual([
      `charged ${order}`,
      `charged ${order}`,
    ]);
    expect(await charges()).toBe(1);
  });

  it('with the answer to a settlement', async () => {
    const { proxy, cut, sound, look } = await openBoth();
    const before = await records(look, 'done');
    const first = cut.charge(order, undefined, async () => proxy.halfOpen('replies'));
    await waitFor(async () => (await records(look, 'done')) === before + 1);
    proxy.cut();
    proxy.restore();
    expect(await first).toBe(`charged ${order}`);
    expect(await Promise.all([cut.charge(), sound.charge()])).toEqual([
      `charged ${order}`,
      `charged ${order}`,
    ]);
    expect(await charges()).toBe(1);
  });

  it('before a settlement has left', async () => {
    const { proxy, cut, sound } = await openBoth();
    const gate = new Gate();
    const inside = new Gate();
    const first = cut.charge(order, undefined, () => {
      inside.open();
      return gate.passed;
    });
    await inside.passed;
    proxy.down();
    gate.open();
    await waitFor(() => proxy.accepted > 2);
    proxy.restore();
    expect(await first).toBe(`charged ${order}`);
    expect(await sound.charge()).toBe(`charged ${order}`);
    expect(await charges()).toBe(1);
  });
});
