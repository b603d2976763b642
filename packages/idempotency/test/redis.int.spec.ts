import 'reflect-metadata';
import { Module } from '@nestjs/common';
import {
  openContext,
  startPrivate,
  tcpProxy,
  testRedis,
  waitFor,
  type TestRedis,
} from '@acme/internal-testing';
import {
  IdempotencyInfo,
  IdempotencyModule,
  IdempotencyService,
  RedisIdempotencyStore,
  type IdempotencyModuleOptions,
  type IoRedisLike,
} from '@acme/nest-idempotency';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Gate } from './support/ledger.js';

let redis: TestRedis;
beforeAll(async () => {
  redis = await testRedis();
});

describe('lease mode in Redis', () => {
  let key: string;
  let commands: string[];

  beforeEach(() => {
    key = randomUUID();
    commands = [];
  });

  /** The client, with a look at what goes over it. */
  const watched = (client: IoRedisLike = redis.client): IoRedisLike => ({
    eval: (...args) => {
      commands.push('eval');
      return client.eval(...args);
    },
    evalsha: (...args) => {
      commands.push('evalsha');
      return client.evalsha(...args);
    },
  });

  const open = async (client: IoRedisLike, options: Partial<IdempotencyModuleOptions> = {}) => {
    const store = new RedisIdempotencyStore(client, { prefix: redis.prefix });
    @Module({
      imports: [IdempotencyModule.forRoot({ namespace: 'lease', store, ...options })],
    })
    class LeaseModule {}
    const { app, log } = await openContext(LeaseModule);
    const service = app.get(IdempotencyService);
    return {
      log,
      run: <R>(fn: () => Promise<R>) => service.run(key, fn, { name: 'job' }),
    };
  };

  it('costs two commands the first time, one for a replay, none for a duplicate in this process', async () => {
    const { run } = await open(watched());
    await run(async () => 'warm');
    key = randomUUID();
    commands = [];
    const gate = new Gate();
    const all = Array.from({ length: 10 }, () => run(() => gate.passed.then(() => 'once')));
    gate.open();
    expect(new Set(await Promise.all(all))).toEqual(new Set(['once']));
    expect(commands).toEqual(['evalsha', 'evalsha']);
    expect(await run(async () => 'again')).toBe('once');
    expect(commands).toHaveLength(3);
  });

  it('goes on when Redis has forgotten the scripts', async () => {
    // In a server of its own: the scripts belong to everybody who uses it.
    const client = new Redis((await startPrivate('redis')).url);
    const { run } = await open(watched(client));
    await run(async () => 'warm');
    await client.script('FLUSH');
    key = randomUUID();
    commands = [];
    expect(await run(async () => 1)).toBe(1);
    expect(commands).toContain('eval');
    expect(await run(async () => 2)).toBe(1);
    client.disconnect();
  });

  it('gives fences that grow although the clock of the server went back', async () => {
    const { client, prefix } = redis;
    const store = new RedisIdempotencyStore(client, { prefix });
    const request = { id: 'ef'.repeat(32), name: 'n', fingerprint: undefined, lockTtlMs: 60_000 };
    await store.claim({ ...request, token: 'a' });
    await store.release(request.id, 'a', { ttlMs: 60_000, counted: true });
    const ahead = 2 ** 52;
    const key = prefix + request.id;
    const record = (await client.get(key))!.split('\n');
    await client.set(key, record.with(2, String(ahead)).join('\n'), 'KEEPTTL');
    const claim = await store.claim({ ...request, token: 'b' });
    expect(claim).toMatchObject({ state: 'claimed', fence: ahead + 1 });
  });

  it('keeps its lease while the handler runs longer than it', async () => {
    const one = await open(watched(), { lockTtl: '900ms' });
    const other = await open(redis.client, { waitTimeout: '10s' });
    const gate = new Gate();
    const running = one.run(() => gate.passed.then(() => 'first'));
    await waitFor(() => commands.length === 1);
    const waiting = other.run(async () => 'second');
    // The claim, and as many renewals as make two leases.
    await waitFor(() => commands.length >= 7);
    gate.open();
    expect(await Promise.all([running, waiting])).toEqual(['first', 'first']);
  });

  it('tells the handler when its claim is gone, and does not overwrite what somebody else recorded', async () => {
    const { run, log } = await open(redis.client, { lockTtl: '900ms' });
    const result = await run(async () => {
      const { id, signal } = IdempotencyInfo.current()!;
      const key = redis.prefix + id;
      // Somebody else's token in its place, the second line.
      const taken = (await redis.client.get(key))!.replace(/\n[^\n]+/, '\nsomebody else');
      await redis.client.set(key, taken, 'KEEPTTL');
      await waitFor(() => signal.aborted);
      return (signal.reason as { code: string }).code;
    });
    expect(result).toBe('IDEMPOTENCY_LEASE_LOST');
    expect(log.messages('error')[0]).toMatch(/somebody else has taken it/);
  });

  it('renews no longer than maxLockHold', async () => {
    const { run } = await open(redis.client, { lockTtl: '300ms', maxLockHold: '300ms' });
    const reason = await run(async () => {
      const { signal } = IdempotencyInfo.current()!;
      await waitFor(() => signal.aborted);
      return (signal.reason as Error).message;
    });
    expect(reason).toContain('maxLockHold');
  });

  it('runs nothing while Redis cannot be asked, and says so in time', async () => {
    const proxy = await tcpProxy(redis.url);
    const client = new Redis(proxy.url);
    client.on('error', () => {});
    const { run } = await open(client, { storeTimeout: '2s' });
    expect(await run(async () => 'up')).toBe('up');
    key = randomUUID();
    proxy.halfOpen();
    let runs = 0;
    const count = async (): Promise<number> => (runs += 1);
    const error = await run(count).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'IDEMPOTENCY_STORE_UNAVAILABLE' });
    expect((error as { cause: Error }).cause.message).toBe('no answer within 2000 ms');
    expect(runs).toBe(0);
    client.disconnect();
    await proxy.close();
  });

  it('records an outcome although the store fails for a moment', async () => {
    let failures = 2;
    const flaky: IoRedisLike = {
      ...watched(),
      evalsha: async (...args) => {
        const completing = args.length === 10;
        if (completing && failures-- > 0) throw new Error('READONLY');
        return redis.client.evalsha(...args);
      },
    };
    const { run } = await open(flaky);
    expect(await run(async () => 'first')).toBe('first');
    expect(failures).toBe(-1);
    expect(await run(async () => 'second')).toBe('first');
  });

  it('fails closed on a record that cannot be read', async () => {
    const { run } = await open(redis.client);
    let id = '';
    await run(async () => {
      id = IdempotencyInfo.current()!.id;
      return 'kept';
    });
    const record = (await redis.client.get(redis.prefix + id))!;
    await redis.client.set(redis.prefix + id, record.replace('{', 'not json'));
    await expect(run(async () => 'again')).rejects.toMatchObject({
      code: 'IDEMPOTENCY_RECORD_UNREADABLE',
    });
  });
});
