import 'reflect-metadata';
import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Controller, Injectable, Module, Post, SetMetadata, type Type } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import {
  openContext,
  startPrivate,
  tcpProxy,
  testDatabase,
  testRedis,
  type TestDatabase,
  type TestRedis,
} from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
  type IdempotencyModuleOptions,
} from '@acme/nest-idempotency';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { Redis } from 'ioredis';
import { beforeAll, describe, expect, it } from 'vitest';

let database: TestDatabase;
let redis: TestRedis;

beforeAll(async () => {
  [database, redis] = await Promise.all([testDatabase(), testRedis()]);
});

const inRedis = (client = redis.client) =>
  new RedisIdempotencyStore(client, { prefix: redis.prefix });
const inPostgres = (schema = database.schema) => new PostgresIdempotencyStore({ schema });

const open = (options: Partial<IdempotencyModuleOptions>, ...controllers: Type[]) => {
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
      IdempotencyModule.forRoot({ namespace: 'doctor', principal: false, ...options }),
    ],
    controllers,
  })
  class App {}
  return openContext(App);
};

const problemsOf = async (...given: Parameters<typeof open>): Promise<readonly string[]> =>
  open(...given).then(
    () => [],
    ({ problems }: { problems: readonly string[] }) => problems,
  );

const warningsOf = async (...given: Parameters<typeof open>): Promise<string[]> =>
  (await open(...given)).log.messages('warn');

describe('a store', () => {
  it('whose Redis forgets keys is warned of, once, by its name', async () => {
    const server = await startPrivate('redis', {
      settings: { maxmemory: '64mb', 'maxmemory-policy': 'allkeys-lru' },
    });
    const client = new Redis(server.url);
    const store = inRedis(client);
    const warnings = await warningsOf({ store: inRedis(), stores: { fast: store } });
    expect(warnings).toEqual([
      expect.stringMatching(
        /^stores\.fast: Redis forgets keys .*allkeys-lru.*Set maxmemory-policy/,
      ),
    ]);
    await client.config('SET', 'maxmemory-policy', 'noeviction');
    expect(await warningsOf({ store })).toEqual([]);
    // What is not limited evicts nothing.
    await client.config('SET', 'maxmemory-policy', 'volatile-ttl');
    await client.config('SET', 'maxmemory', '0');
    expect(await warningsOf({ store })).toEqual([]);
    client.disconnect();
  });

  it('that does not answer keeps nobody from starting', async () => {
    const proxy = await tcpProxy(redis.url);
    const client = new Redis(proxy.url);
    client.on('error', () => {});
    await client.ping();
    proxy.halfOpen();
    const warnings = await warningsOf({ store: inRedis(client), storeTimeout: '100ms' });
    expect(warnings).toEqual([
      expect.stringMatching(/^store: Redis could not be checked at boot .no answer within 100 ms/),
    ]);
    client.disconnect();
  });

  it('without its table is refused, by its name; with migrate all get theirs', async () => {
    const [first, second] = [`${database.schema}_one`, `${database.schema}_two`];
    const stores = { audit: inPostgres(second) };
    expect(await problemsOf({ store: inPostgres(first), stores })).toEqual([
      expect.stringContaining(`store: table "${first}"."records" is missing`),
      expect.stringContaining(`stores.audit: table "${second}"."records" is missing`),
    ]);
    const { app } = await open({ store: inPostgres(first), stores, migrate: true });
    const service = app.get(IdempotencyService);
    const run = (key: string, store?: string) =>
      service.run(key, async () => key, { name: 'migrated', store, effect: 'none' });
    expect([await run('a'), await run('b', 'audit')]).toEqual(['a', 'b']);
    for (const schema of [first, second]) {
      const { rows } = await database.pool.query(`select name from ${schema}.records`);
      expect(rows).toEqual([{ name: 'migrated' }]);
    }
  });
});

describe('a handler', () => {
  it('of events whose outcomes are forgotten before the broker delivers again is warned of', async () => {
    @Controller()
    class Short {
      @Idempotent({ ttl: '10m' })
      @EventPattern('short')
      short(): void {}

      @Idempotent()
      @EventPattern('by-default')
      byDefault(): void {}

      @Idempotent({ ttl: '30m' })
      @EventPattern('long')
      long(): void {}

      @Idempotent({ ttl: '1m' })
      @Post('request')
      request(): void {}
    }
    const store = inRedis();
    expect(await warningsOf({ store }, Short)).toEqual([
      expect.stringMatching(/Short\.short: ttl: .* after 600000 ms.*Give a longer ttl/),
    ]);
    const defaults = { event: { ttl: '5m' } } as const;
    const warnings = await warningsOf({ store, defaults }, Short);
    expect(warnings.map((text) => /Short\.\w+/.exec(text)?.[0])).toEqual([
      'Short.short',
      'Short.byDefault',
    ]);
  });

  it.each<[string, PropertyKey]>([
    ['a text', 'nestjs:idempotent'],
    ['a symbol', Symbol.for('nestjs:idempotent')],
  ])('with the official decorator, known by %s, is refused', async (_what, key) => {
    const official = SetMetadata(key, {});

    @Controller()
    class Both {
      @official
      @Idempotent()
      @Post('above')
      above(): void {}

      @Idempotent()
      @official
      @Post('below')
      below(): void {}

      @Idempotent()
      @Post('ours')
      ours(): void {}
    }

    @official
    @Controller()
    class OnClass {
      @Idempotent()
      @EventPattern('event')
      event(): void {}
    }
    const problems = await problemsOf({ store: inRedis() }, Both, OnClass);
    expect(problems.map((text) => /on (\w+\.\w+)/.exec(text)?.[1]).toSorted()).toEqual([
      'Both.above',
      'Both.below',
      'OnClass.event',
    ]);
    expect(problems[0]).toMatch(/@nestjs\/idempotency protects it, too.*Take one of the two off/);
  });

  it('that would run without its store in a transaction is refused', async () => {
    @Controller()
    class Open {
      @Idempotent({ onStoreError: 'open' })
      @Post('open')
      open(): void {}

      @Idempotent({ onStoreError: 'open', mode: 'lease' })
      @Post('leased')
      leased(): void {}

      @Idempotent()
      @Post('by-default')
      byDefault(): void {}
    }
    const store = inPostgres();
    const refused =
      /Open\.(\w+): onStoreError: 'open' has no meaning in transaction mode.*mode: 'lease'/;
    expect(await problemsOf({ store, migrate: true }, Open)).toEqual([
      expect.stringMatching(refused),
    ]);
    const defaults = { http: { onStoreError: 'open' } } as const;
    const problems = await problemsOf({ store, migrate: true, defaults }, Open);
    expect(problems.map((text) => refused.exec(text)?.[1])).toEqual(['open', 'byDefault']);
    expect(await problemsOf({ store: inRedis(), defaults }, Open)).toEqual([]);
    const { app } = await open({ store, migrate: true });
    const run = app.get(IdempotencyService).run('k', async () => 1, {
      name: 'code',
      onStoreError: 'open',
    });
    await expect(run).rejects.toThrow("onStoreError: 'open' has no meaning in transaction mode");
  });

  it('that gets no messages is refused a number of attempts', async () => {
    @Controller()
    class Requests {
      @Idempotent({ maxAttempts: 3 })
      @Post('http')
      http(): void {}

      @Idempotent({ maxAttempts: 3 })
      @EventPattern('event')
      event(): void {}

      // A message that nobody waits for is an event, whatever its handler is called.
      @Idempotent({ maxAttempts: 3 })
      @MessagePattern('request')
      request(): void {}

      @Idempotent({ maxAttempts: 3 })
      @RabbitSubscribe({ queue: 'never opened' })
      golevelup(): void {}
    }

    @Injectable()
    class Methods {
      @Idempotent({ keyFrom: { payload: 'id' }, maxAttempts: 3 })
      method(): void {}
    }

    @Idempotent({ maxAttempts: 3 })
    @Controller()
    class Mixed {
      @Post('mixed')
      http(): void {}

      @EventPattern('mixed')
      event(): void {}
    }
    const store = inRedis();
    const problems = await problemsOf({ store }, Requests, Methods, Mixed);
    expect(problems).toEqual([
      expect.stringMatching(/Requests\.http: maxAttempts: only messages .* Take the option off/),
      expect.stringMatching(/Methods\.method: maxAttempts: only messages/),
    ]);
    const defaults = { http: { maxAttempts: 3 }, event: { maxAttempts: 3 } } as const;
    expect(await problemsOf({ store, defaults })).toEqual([
      expect.stringMatching(/^defaults\.http\.maxAttempts: .*defaults\.event\.maxAttempts/),
    ]);
    const { app } = await open({ store, maxAttempts: 3 });
    const options = { name: 'code', maxAttempts: 3 };
    await expect(app.get(IdempotencyService).run('k', async () => 1, options)).rejects.toThrow(
      'maxAttempts: only messages',
    );
  });
});
