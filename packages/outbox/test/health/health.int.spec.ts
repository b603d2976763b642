import 'reflect-metadata';
import {
  openApp,
  openContext,
  tcpProxy,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import {
  getOutboxHealthToken,
  getOutboxToken,
  Outbox,
  OutboxHealthIndicator,
  OutboxModule,
  OutboxRelay,
  PostgresOutboxStore,
  type OutboxHealthOptions,
  type OutboxHealthReport,
  type RelayOptions,
} from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { Controller, Get, Inject, Module } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { connect } from 'amqplib';
import pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { onPostgres, type PostgresOutboxDatabase } from '../support/outbox-database.js';

let limits: OutboxHealthOptions = {};

@Controller('health')
class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(OutboxHealthIndicator) private readonly outbox: OutboxHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.outbox.isHealthy('outbox', limits)]);
  }
}

describe('health, as Terminus tells it', () => {
  let database: PostgresOutboxDatabase;
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await onPostgres();
    limits = {};
  });

  interface Setting {
    readonly relay?: RelayOptions;
    readonly amqpUrl?: string;
    readonly pool?: pg.Pool;
  }

  const open = async ({ relay, amqpUrl = broker.url, pool = database.pool }: Setting = {}) => {
    @Module({
      imports: [
        TerminusModule.forRoot({ logger: false }),
        OutboxModule.forRoot({
          store: new PostgresOutboxStore({ database: pool }),
          publisher: new RabbitMqPublisher({ connect: () => connect(amqpUrl) }),
          transactions: false,
          relay,
        }),
      ],
      controllers: [HealthController],
    })
    class AppModule {}
    const { app, url, close } = await openApp(AppModule);
    const add = async (type = broker.name('nowhere')): Promise<void> => {
      const client = await database.pool.connect();
      await client.query('begin');
      await app.get(Outbox).add({ type, payload: 'secret' }, { tx: client });
      await client.query('commit');
      client.release();
    };
    const look = async () => {
      const response = await fetch(`${url}/health`, { headers: { connection: 'close' } });
      const body = (await response.json()) as {
        status: string;
        details: { outbox: OutboxHealthReport };
      };
      return { code: response.status, terminus: body.status, ...body.details.outbox };
    };
    return { app, add, look, close };
  };
  const contents = { pending: 0, oldestAgeMs: 0, delayed: 0, waiting: 0, blocked: 0, parked: 0 };

  it('is up while the relay works, with what is in the outbox', async () => {
    const { look, close } = await open();
    await expect(look()).resolves.toEqual({
      code: 200,
      terminus: 'ok',
      status: 'up',
      relay: 'running',
      ...contents,
    });
    await close();
  });

  it('is down when the relay of the process does not run, unless it is not to', async () => {
    const { app, look, close } = await open();
    await app.get(OutboxRelay).stop();
    await expect(look()).resolves.toEqual({
      code: 503,
      terminus: 'error',
      status: 'down',
      problems: ['The relay of this process does not run: nothing is published from here.'],
      relay: 'stopped',
      ...contents,
    });
    app.get(OutboxRelay).start();
    await expect(look()).resolves.toMatchObject({ code: 200, relay: 'running' });
    await close();
    const off = await open({ relay: { mode: 'off' } });
    await expect(off.look()).resolves.toMatchObject({ code: 200, relay: 'off' });
    await off.close();
  });

  it('is down when the broker does not answer for too long, and up when it answers again', async () => {
    const proxy = await tcpProxy(broker.url);
    const { add, look, close } = await open({
      amqpUrl: proxy.url,
      relay: { pollInterval: 50 },
    });
    proxy.down();
    await add();
    const report = await waitFor(async () => {
      const seen = await look();
      return seen.brokerDownMs === undefined ? undefined : seen;
    });
    expect(report).toMatchObject({ code: 200, status: 'up', pending: 1 });
    limits = { maxBrokerOutage: 1 };
    await waitFor(async () => (await look()).code === 503);
    const { problems, brokerDownMs } = await look();
    expect(problems).toEqual([expect.stringMatching(/^The broker has not answered for \d+ s\.$/)]);
    expect(brokerDownMs).toBeGreaterThan(0);
    proxy.restore();
    await waitFor(async () => (await look()).code === 200);
    expect(await look()).not.toHaveProperty('brokerDownMs');
    await close();
    await proxy.close();
  });

  it('is down when a message is too old, also where others are to publish it', async () => {
    const { add, look, close } = await open({ relay: { mode: 'off' } });
    await add();
    await expect(look()).resolves.toMatchObject({ code: 200, pending: 1 });
    limits = { maxAge: 1 };
    const report = await waitFor(async () => {
      const seen = await look();
      return seen.code === 503 ? seen : undefined;
    });
    expect(report).toMatchObject({
      status: 'down',
      problems: [expect.stringMatching(/^The oldest message has been waiting for \d+ s: see/)],
      pending: 1,
    });
    expect(JSON.stringify(report)).not.toContain('secret');
    await close();
  });

  it('is down when the database does not answer, and does not wait for it for ever', async () => {
    const proxy = await tcpProxy(database.url);
    const pool = new pg.Pool({ connectionString: proxy.url, max: 4 });
    pool.on('error', () => {});
    const { look, close } = await open({ pool });
    limits = { timeout: '300ms' };
    await waitFor(async () => (await look()).code === 200);
    proxy.halfOpen();
    const silent = await look();
    expect(silent).toMatchObject({
      code: 503,
      problems: ['The database does not answer (OUTBOX_STORE_TIMEOUT).'],
      relay: 'running',
    });
    proxy.restore();
    proxy.down();
    const gone = await waitFor(async () => {
      const seen = await look();
      return seen.problems?.join().includes('TIMEOUT') ? undefined : seen;
    });
    expect(gone.problems).toEqual([
      expect.stringMatching(/^The database does not answer \(\w+\)\.$/),
    ]);
    expect(JSON.stringify(gone)).not.toContain(String(proxy.port));
    proxy.restore();
    await waitFor(async () => (await look()).code === 200);
    await close();
    await pool.end();
    await proxy.close();
  });

  it('refuses limits that mean nothing', async () => {
    const { app, close } = await open({ relay: { mode: 'off' } });
    const asking = app
      .get(OutboxHealthIndicator)
      .isHealthy('outbox', { maxAge: 'soon', maxage: 1 } as never);
    await expect(asking).rejects.toMatchObject({
      code: 'OUTBOX_CONFIGURATION',
      problems: [expect.stringContaining('maxage'), expect.stringContaining('maxAge: "soon"')],
    });
    await close();
  });

  it('is that of each outbox by itself', async () => {
    const options = (schema: string) => ({
      store: new PostgresOutboxStore({ database: database.pool, schema }),
      relay: { mode: 'off' as const },
      transactions: false as const,
    });
    await database.pool.query(`create schema ${database.schema}_b`);
    @Module({
      imports: [
        OutboxModule.forRoot(options(database.schema)),
        OutboxModule.forFeature('billing', options(`${database.schema}_b`)),
      ],
    })
    class AppModule {}
    const { app, close } = await openContext(AppModule);
    const client = await database.pool.connect();
    await client.query('begin');
    const billing = app.get<Outbox>(getOutboxToken('billing'));
    await billing.add({ type: 'a', payload: 1 }, { tx: client });
    await client.query('commit');
    client.release();
    const [own, its] = [
      app.get(OutboxHealthIndicator),
      app.get<OutboxHealthIndicator>(getOutboxHealthToken('billing')),
    ];
    await expect(own.isHealthy()).resolves.toMatchObject({ outbox: { pending: 0 } });
    await expect(its.isHealthy('billing')).resolves.toMatchObject({ billing: { pending: 1 } });
    await close();
  });
});
