import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Controller, Inject, Module, Post } from '@nestjs/common';
import {
  openApp,
  openContext,
  tcpProxy,
  testDatabase,
  testRedis,
  waitFor,
  type TcpProxy,
} from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyInfo,
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
} from '@acme/nest-idempotency';
import { fromPg, sqlOf, TransactionModule } from '@acme/nest-transaction';
import { Redis } from 'ioredis';
import pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

let runs = 0;
let begins: (() => void) | undefined;

@Controller()
class Orders {
  constructor(@Inject(IdempotencyService) private readonly service: IdempotencyService) {}

  @Idempotent({ onStoreError: 'open' })
  @Post('open')
  open() {
    runs += 1;
    return { run: runs, claimed: IdempotencyInfo.current() !== undefined };
  }

  @Idempotent()
  @Post('closed')
  closed() {
    runs += 1;
    return { run: runs };
  }

  @Idempotent({ onStoreError: 'open' })
  @Post('inside')
  async inside() {
    runs += 1;
    begins?.();
    return this.service.run(randomUUID(), async () => ({ run: runs }), { name: 'inside' });
  }
}

describe('a call over HTTP while Redis cannot be asked', () => {
  let app: Awaited<ReturnType<typeof openApp>>;
  let proxy: TcpProxy;
  let key: string;

  beforeAll(async () => {
    const redis = await testRedis();
    proxy = await tcpProxy(redis.url);
    const client = new Redis(proxy.url);
    client.on('error', () => {});
    await client.ping();
    const store = new RedisIdempotencyStore(client, { prefix: redis.prefix });
    @Module({
      imports: [
        IdempotencyModule.forRoot({
          namespace: 'open',
          store,
          principal: false,
          storeTimeout: '100ms',
        }),
      ],
      controllers: [Orders],
    })
    class Shop {}
    app = await openApp(Shop);
    return () => client.disconnect();
  });

  beforeEach(() => {
    runs = 0;
    key = randomUUID();
    begins = undefined;
    proxy.restore();
  });

  const post = async (path: string) => {
    const reply = await fetch(`${app.url}/${path}`, {
      method: 'POST',
      headers: { 'idempotency-key': key },
    });
    const { status, headers } = reply;
    return { status, headers, body: (await reply.json()) as object };
  };

  it('is told of once, and once when it is over', async () => {
    const lines = () => app.log.messages().filter((text) => text.startsWith('The store (Redis)'));
    const before = lines().length;
    proxy.halfOpen('both');
    for (const _ of [1, 2]) expect((await post('closed')).status).toBe(503);
    proxy.restore();
    await waitFor(async () => (await post('closed')).status === 201);
    expect(lines().slice(before)).toEqual([
      expect.stringMatching(/cannot be asked \(.+\): calls are refused, and events given back/),
      'The store (Redis) can be asked again.',
    ]);
  });

  it.each(['both', 'requests', 'replies'] as const)(
    'runs unprotected only where that was chosen, silent are %s',
    async (silence) => {
      proxy.halfOpen(silence);
      const closed = await post('closed');
      expect(closed).toMatchObject({
        status: 503,
        body: { code: 'IDEMPOTENCY_STORE_UNAVAILABLE' },
      });
      expect(closed.headers.get('retry-after')).toBe('1');
      expect(runs).toBe(0);
      for (const run of [1, 2]) {
        const reply = await post('open');
        expect(reply).toMatchObject({ status: 201, body: { run, claimed: false } });
        expect(reply.headers.get('idempotent-replayed')).toBeNull();
      }
      expect(app.log.messages('warn').at(-1)).toMatch(
        /^Orders\.open runs without protection, as onStoreError: 'open' says.*no answer/,
      );
      proxy.restore();
      key = randomUUID();
      const again = await waitFor(async () => {
        const reply = await post('open');
        return reply.headers.get('idempotent-replayed') === 'true' && reply;
      });
      expect(again).toMatchObject({ body: { claimed: true } });
    },
  );

  it('does not begin a handler anew that has begun', async () => {
    expect(await post('inside')).toMatchObject({ status: 201, body: { run: 1 } });
    key = randomUUID();
    // Its own claim stands; that of the code inside of it cannot be had.
    begins = () => proxy.halfOpen();
    expect((await post('inside')).status).toBe(503);
    expect(runs).toBe(2);
  });
});

describe('expired records', () => {
  it('are removed while the application runs, by one process at a time, and no others', async () => {
    const { pool, schema } = await testDatabase();
    const statements: string[] = [];
    const start = async () => {
      const store = new PostgresIdempotencyStore({ schema });
      const counted = {
        connect: async () => {
          const client = await (pool.connect.bind(pool) as () => Promise<pg.PoolClient>)();
          const query = client.query.bind(client) as (...args: unknown[]) => unknown;
          return Object.assign(Object.create(client) as pg.PoolClient, {
            query: (...args: unknown[]) => {
              statements.push(String(args[0]));
              return query(...args);
            },
          });
        },
      };
      @Module({
        imports: [
          TransactionModule.forRoot({ adapter: fromPg(counted) }),
          IdempotencyModule.forRoot({
            namespace: 'purge',
            store,
            migrate: true,
            purge: { every: '1s', limit: 1 },
          }),
        ],
      })
      class App {}
      return openContext(App);
    };
    const [{ app, close }, other] = [await start(), await start()];
    const run = (name: string, ttl: '1ms' | '1h') =>
      app.get(IdempotencyService).run(randomUUID(), async () => 1, { name, ttl, effect: 'none' });
    await Promise.all(Array.from({ length: 25 }, () => run('old', '1ms')));
    await run('fresh', '1h');
    const names = async (): Promise<string[]> => {
      const { rows } = await pool.query<{ name: string }>(`select name from ${schema}.records`);
      return rows.map(({ name }) => name);
    };
    await waitFor(async () => (await names()).length === 1);
    expect(await names()).toEqual(['fresh']);
    await Promise.all([close(), other.close()]);
    // Full ones are followed by the next at once: one each second would take much longer than this test waits.
    const purges = statements.filter((text) => text.includes('elected')).length;
    expect(purges).toBeGreaterThanOrEqual(25);
  });

  it('are left to the process that is at it', async () => {
    const { pool, schema } = await testDatabase();
    const store = new PostgresIdempotencyStore({ schema, database: pool });
    await store.migrate();
    const settle = (n: number) =>
      store.settle(
        { id: String(n).repeat(64), name: 'old', fingerprint: undefined, token: 't' },
        undefined,
        1,
      );
    await Promise.all([1, 2, 3].map(settle));
    const elected = await pool.connect();
    try {
      await elected.query('begin');
      const one = await waitFor(() => store.on(sqlOf(elected)).purge(1));
      expect([one, await store.purge(10)]).toEqual([1, 0]);
      await elected.query('commit');
    } finally {
      elected.release();
    }
    let purged = 0;
    await waitFor(async () => (purged += await store.purge(10)) === 2);
  });

  it('that cannot be removed are told of once', async () => {
    const { pool, schema } = await testDatabase();
    @Module({
      imports: [
        IdempotencyModule.forRoot({
          namespace: 'purge',
          store: new PostgresIdempotencyStore({ schema, database: pool }),
          migrate: true,
          purge: { every: '1s' },
        }),
      ],
    })
    class App {}
    const { log } = await openContext(App);
    await pool.query(`drop table ${schema}.records`);
    const lines = (): string[] =>
      log.messages('warn').filter((text) => text.includes('could not be removed'));
    await waitFor(() => lines().length);
    expect(lines()).toEqual([
      expect.stringMatching(
        /^Expired records in PostgreSQL .*so the table grows .relation .*purge: false/,
      ),
    ]);
  });
});
