import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Module, type DynamicModule } from '@nestjs/common';
import {
  openContext,
  tcpProxy,
  testDatabase,
  testRedis,
  waitFor,
  type TcpProxy,
} from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
  type IdempotencyStore,
} from '@acme/nest-idempotency';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { Redis } from 'ioredis';
import pg from 'pg';
import { createClient } from 'redis';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Gate } from './support/ledger.js';

/** Where notices come from, behind a proxy that can misbehave. */
interface Source {
  readonly proxy: TcpProxy;
  store(): IdempotencyStore;
  readonly imports?: readonly DynamicModule[];
  /** Resolves when the connection for notices works again. */
  back(): Promise<unknown>;
  /** How many listen now. */
  listeners(): Promise<number>;
  end(): Promise<unknown>;
}

async function redisSource(library: 'ioredis' | 'node-redis'): Promise<Source> {
  const { client, url, prefix } = await testRedis();
  const proxy = await tcpProxy(url);
  const channels = async () => (await client.pubsub('CHANNELS', `${prefix}*`)).length;
  if (library === 'ioredis') {
    const subscriber = new Redis(proxy.url, { retryStrategy: () => 50 });
    subscriber.on('error', () => {});
    return {
      proxy,
      store: () => new RedisIdempotencyStore(client, { prefix, subscriber }),
      back: () => waitFor(() => subscriber.status === 'ready'),
      listeners: channels,
      end: async () => subscriber.disconnect(),
    };
  }
  const open = async (at: string) => {
    const one = createClient({ url: at, socket: { reconnectStrategy: 50 } });
    one.on('error', () => {});
    return one.connect();
  };
  const [commands, subscriber] = [await open(url), await open(proxy.url)];
  return {
    proxy,
    store: () => new RedisIdempotencyStore(commands, { prefix, subscriber }),
    back: () => waitFor(() => subscriber.isReady),
    listeners: channels,
    end: async () => [commands, subscriber].forEach((one) => one.destroy()),
  };
}

async function postgresSource(mode: 'lease' | 'transaction'): Promise<Source> {
  const { url, schema, pool: looking } = await testDatabase();
  const proxy = await tcpProxy(url);
  // Without timers of its own, which the tests stop.
  const pool = new pg.Pool({ connectionString: url, idleTimeoutMillis: 0 });
  const listen = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: proxy.url, application_name: schema });
    await client.connect();
    return client;
  };
  await new PostgresIdempotencyStore({ database: pool, schema }).migrate();
  return {
    proxy,
    store: () => new PostgresIdempotencyStore({ database: pool, schema, listen }),
    imports: mode === 'lease' ? [] : [TransactionModule.forRoot({ adapter: fromPg(pool) })],
    back: async () => undefined,
    listeners: async () => {
      const { rowCount } = await looking.query(
        'select from pg_stat_activity where application_name = $1',
        [schema],
      );
      return rowCount ?? 0;
    },
    end: () => pool.end(),
  };
}

const sources = {
  'Redis, ioredis': () => redisSource('ioredis'),
  'Redis, node-redis': () => redisSource('node-redis'),
  'PostgreSQL, leases': () => postgresSource('lease'),
  'PostgreSQL, transactions': () => postgresSource('transaction'),
};

/** Counts the claims, and lets a test in before the subscription. */
function observed(store: IdempotencyStore) {
  const seen = { claims: 0, beforeSubscribing: undefined as (() => Promise<unknown>) | undefined };
  const watching = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (_target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (name === 'inTransaction') return watching(member as object);
        if (typeof member !== 'function' || name === 'opening') return member;
        return async (...args: unknown[]): Promise<unknown> => {
          if (name === 'claim') seen.claims += 1;
          if (name === 'subscribe') await seen.beforeSubscribing?.();
          return Reflect.apply(member, target, args) as unknown;
        };
      },
    });
  return { store: watching(store), seen };
}

describe.each(Object.entries(sources))('who waits in another process, %s', (where, open) => {
  let source: Source;
  let key: string;

  beforeAll(async () => {
    source = await open();
    return () => source.end();
  });

  beforeEach(() => {
    key = randomUUID();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  /** From here on no pause ends: whoever looks again has been told to. */
  const stopTime = (): unknown => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });

  const start = async () => {
    const { store, seen } = observed(source.store());
    @Module({
      imports: [
        ...(source.imports ?? []),
        IdempotencyModule.forRoot({ namespace: 'n', store, purge: false, waitTimeout: '30s' }),
      ],
    })
    class App {}
    const { app, close } = await openContext(App);
    const service = app.get(IdempotencyService);
    /** What comes of it, once it has; `inside` when it runs. */
    const run = (fn: () => Promise<string>) => {
      const call = { inside: false, came: '' };
      const work = (): Promise<string> => {
        call.inside = true;
        return fn();
      };
      service.run(key, work, { name: 'job', effect: 'none' }).then(
        (value) => (call.came = value),
        (error: unknown) => (call.came = String(error)),
      );
      return call;
    };
    return { run, seen, close };
  };

  type Process = Awaited<ReturnType<typeof start>>;

  /** One runs and the other waits, until the gate is opened. */
  const wait = async (
    after = () => 'first',
    { stopped = true, by }: { stopped?: boolean; by?: readonly [Process, Process] } = {},
  ) => {
    const [one, other] = by ?? ([await start(), await start()] as const);
    const before = other.seen.claims;
    const gate = new Gate();
    const first = one.run(() => gate.passed.then(after));
    await waitFor(() => first.inside);
    if (stopped) stopTime();
    const second = other.run(async () => 'second');
    // It has looked, subscribed, and looked again.
    await waitFor(() => other.seen.claims >= before + 2);
    const close = () => Promise.all([one.close(), other.close()]);
    const looks = (): number => other.seen.claims - before;
    return { gate, first, second, looks, by: [one, other] as const, close };
  };

  it('is told when it is done, and looks no more than three times', async () => {
    const { gate, second, looks, close } = await wait();
    gate.open();
    await waitFor(() => second.came);
    expect([second.came, looks()]).toEqual(['first', 3]);
    await close();
  });

  // A transaction that is undone takes what it would tell with it.
  const ofLeases = where.includes('transactions') ? [] : ['and runs itself'];

  it.each(ofLeases)('is told when it has failed, %s', async () => {
    const { gate, first, second, looks, close } = await wait(() => {
      throw new Error('failed');
    });
    gate.open();
    await waitFor(() => second.came);
    expect([first.came, second.came, looks()]).toEqual(['Error: failed', 'second', 3]);
    await close();
  });

  it('misses nothing that ends before it listens', async () => {
    const [one, other] = [await start(), await start()];
    const gate = new Gate();
    const first = one.run(() => gate.passed.then(() => 'first'));
    await waitFor(() => first.inside);
    other.seen.beforeSubscribing = () => {
      gate.open();
      return waitFor(() => first.came);
    };
    stopTime();
    const second = other.run(async () => 'second');
    await waitFor(() => second.came);
    expect([second.came, other.seen.claims]).toEqual(['first', 2]);
    await Promise.all([one.close(), other.close()]);
  });

  it('looks again where the connection has died, and the next one listens again', async () => {
    const { gate, second, by, close } = await wait(undefined, { stopped: false });
    source.proxy.down();
    gate.open();
    await waitFor(() => second.came);
    expect(second.came).toBe('first');
    source.proxy.restore();
    await source.back();
    key = randomUUID();
    const again = await wait(undefined, { by });
    again.gate.open();
    await waitFor(() => again.second.came);
    expect([again.second.came, again.looks()]).toEqual(['first', 3]);
    vi.useRealTimers();
    await close();
  });

  it('looks again where the connection hangs', async () => {
    const [one, other] = [await start(), await start()];
    const gate = new Gate();
    const first = one.run(() => gate.passed.then(() => 'first'));
    await waitFor(() => first.inside);
    source.proxy.halfOpen();
    const second = other.run(async () => 'second');
    await waitFor(() => other.seen.claims >= 3);
    gate.open();
    await waitFor(() => second.came);
    expect(second.came).toBe('first');
    source.proxy.restore();
    await Promise.all([one.close(), other.close()]);
    await waitFor(async () => (await source.listeners()) === 0);
  });

  it('leaves nothing behind', async () => {
    const { gate, second, by, close } = await wait();
    const [, other] = by;
    expect(await source.listeners()).toBeGreaterThan(0);
    gate.open();
    await waitFor(() => second.came);
    vi.useRealTimers();
    await close();
    await waitFor(async () => (await source.listeners()) === 0);
    // A call that is under way while the application ends looks again instead.
    key = randomUUID();
    const [late, running] = [await start(), new Gate()];
    const first = late.run(() => running.passed.then(() => 'first'));
    await waitFor(() => first.inside);
    const waiting = other.run(async () => 'second');
    await waitFor(() => other.seen.claims >= 5);
    // The subscriber of Redis belongs to whoever gave it, and goes on.
    expect(await source.listeners()).toBe(where.startsWith('PostgreSQL') ? 0 : 1);
    running.open();
    await waitFor(() => waiting.came);
    expect(waiting.came).toBe('first');
    await late.close();
  });
});
