import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Nack, RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import {
  Controller,
  Injectable,
  Module,
  UseGuards,
  type CanActivate,
  type DynamicModule,
} from '@nestjs/common';
import { EventPattern, Transport } from '@nestjs/microservices';
import {
  openContext,
  openMicroservice,
  tcpProxy,
  testBroker,
  testDatabase,
  testRedis,
  waitFor,
  type RecordingLogger,
  type TcpProxy,
} from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyInfo,
  IdempotencyModule,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
} from '@acme/nest-idempotency';
import { NonRetryableError, PlainJsonDeserializer, RetryLater } from '@acme/nest-message-context';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import type { Channel, GetMessage } from 'amqplib';
import { Redis } from 'ioredis';
import pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Gate } from './support/ledger.js';

// Here and not in a hook: the decorators need its names.
const broker = await testBroker();
const EXCHANGE = broker.name('events');
const PARKED = broker.name('parked');

/** How many runs fail before one works. */
let failures: number;
/** How many of the first failures are not the message's fault. */
let excused: number;
/** How long a run that failed holds its message back. */
let holdMs: number;
let gate: Gate | undefined;
let deliveries = 0;
/** What each run has seen as the number of its attempt. */
let attempts: (number | undefined)[];
/** Whether the third run, the last that is allowed, blames the message. */
let blames: boolean;

const handle = async (): Promise<void> => {
  attempts.push(IdempotencyInfo.current()?.attempt);
  await gate?.passed;
  if (blames && attempts.length === 3) throw new NonRetryableError('BROKEN');
  const countAttempt = attempts.length > excused;
  if (attempts.length <= failures) throw new RetryLater({ after: holdMs, countAttempt });
};

class CountDeliveries implements CanActivate {
  canActivate(): boolean {
    deliveries += 1;
    return true;
  }
}

@UseGuards(CountDeliveries)
@Controller()
class OnNest {
  @Idempotent({ maxAttempts: 3, effect: 'none' })
  @EventPattern('three')
  three(): Promise<void> {
    return handle();
  }

  @Idempotent({ maxAttempts: false, effect: 'none' })
  @EventPattern('unlimited')
  unlimited(): Promise<void> {
    return handle();
  }
}

const golevelupQueue = (name: string) => ({
  exchange: EXCHANGE,
  routingKey: name,
  queue: broker.name(name),
  queueOptions: { durable: false, deadLetterExchange: '', deadLetterRoutingKey: PARKED },
});

@Injectable()
class OnGolevelup {
  @Idempotent({ maxAttempts: 3, effect: 'none' })
  @RabbitSubscribe(golevelupQueue('three'))
  async three(): Promise<Nack | undefined> {
    const isRefused = blames && attempts.length === 2;
    if (isRefused) blames = false;
    await handle();
    return isRefused ? new Nack(false) : undefined;
  }
}

async function openNest(imports: DynamicModule[], queue: string, queueArguments: object = {}) {
  @Module({ imports, controllers: [OnNest] })
  class App {}
  const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': PARKED };
  return openMicroservice(App, {
    transport: Transport.RMQ,
    options: {
      urls: [broker.url],
      queue,
      prefetchCount: 1,
      noAck: false,
      deserializer: new PlainJsonDeserializer(),
      queueOptions: {
        durable: 'x-queue-type' in queueArguments,
        arguments: { ...dead, ...queueArguments },
      },
    },
  });
}

async function openGolevelup(imports: DynamicModule[]) {
  @Module({
    imports: [
      RabbitMQModule.forRoot({
        uri: broker.url,
        exchanges: [{ name: EXCHANGE, type: 'topic', options: { durable: false } }],
        prefetchCount: 1,
        connectionInitOptions: { wait: true },
      }),
      ...imports,
    ],
    providers: [OnGolevelup],
  })
  class App {}
  return openContext(App);
}

describe.each(['transaction', 'lease'] as const)('attempts on a classic queue, %s mode', (mode) => {
  let channel: Channel;
  let key: string;
  let queue: string;
  let proxy: TcpProxy;
  let statements: string[];
  let imports: DynamicModule[];

  beforeAll(async () => {
    channel = await broker.channel();
    await channel.assertQueue(PARKED, { durable: false });
    const [database, redis] = await Promise.all([testDatabase(), testRedis()]);
    if (mode === 'transaction')
      await new PostgresIdempotencyStore({
        schema: database.schema,
        database: database.pool,
      }).migrate();
    proxy = await tcpProxy(mode === 'transaction' ? database.url : redis.url);
    const client = new Redis(mode === 'lease' ? proxy.url : redis.url);
    const pool = new pg.Pool({ connectionString: proxy.url });
    client.on('error', () => {});
    pool.on('error', () => {});
    const connect = pool.connect.bind(pool) as () => Promise<pg.PoolClient>;
    const counted = {
      connect: async () => {
        const one = await connect();
        const query = one.query.bind(one) as (...args: unknown[]) => unknown;
        return Object.assign(Object.create(one) as pg.PoolClient, {
          query: (...args: unknown[]) => {
            statements.push(String(args[0]).trim());
            return query(...args);
          },
        });
      },
    };
    const common = { namespace: mode, retryAfter: '20ms', waitTimeout: 0 } as const;
    imports =
      mode === 'transaction'
        ? [
            TransactionModule.forRoot({ adapter: fromPg(counted) }),
            IdempotencyModule.forRoot({
              ...common,
              store: new PostgresIdempotencyStore({ schema: database.schema }),
            }),
          ]
        : [
            IdempotencyModule.forRoot({
              ...common,
              store: new RedisIdempotencyStore(client, { prefix: redis.prefix }),
              storeTimeout: '150ms',
            }),
          ];
    return async () => {
      client.disconnect();
      await pool.end();
    };
  });

  beforeEach(() => {
    failures = Infinity;
    excused = 0;
    holdMs = 5;
    blames = false;
    gate = undefined;
    deliveries = 0;
    attempts = [];
    statements = [];
    key = randomUUID();
    queue = broker.name(key);
  });

  const publish = (type: string, to = queue): void =>
    void channel.sendToQueue(to, Buffer.from('{}'), { type, messageId: key });

  const parked = (): Promise<GetMessage> =>
    waitFor(async () => {
      const taken = await broker.take(PARKED);
      return taken.find(({ properties }) => properties.messageId === key);
    });

  /** The handler always fails; once its message is parked, an operator sends it again, and then it works. */
  const parkAndRedrive = async (send: () => void, log: RecordingLogger) => {
    send();
    await parked();
    const before = attempts;
    const said = log.messages().filter((text) => text.includes('IDEMPOTENCY_ATTEMPTS'));
    attempts = [];
    failures = 0;
    send();
    await waitFor(() => attempts.length === 1);
    return { before, said, after: attempts };
  };

  const parkedAfterThree = {
    before: [1, 2, 3],
    said: [
      expect.stringMatching(
        / failed: .*was tried 3 times .*parked, IDEMPOTENCY_ATTEMPTS_EXHAUSTED/,
      ),
    ],
    after: [1],
  };

  it('end with the last one that is allowed, and begin anew for an operator, on stock Nest', async () => {
    const { close, log } = await openNest(imports, queue);
    expect(await parkAndRedrive(() => publish('three'), log)).toEqual(parkedAfterThree);
    await close();
  });

  it('end with the last one that is allowed, and begin anew for an operator, on golevelup', async () => {
    const { close, log } = await openGolevelup(imports);
    const send = (): void => publish('three', broker.name('three'));
    expect(await parkAndRedrive(send, log)).toEqual(parkedAfterThree);
    await close();
  });

  it('begin anew for what the last one that is allowed has parked, on stock Nest', async () => {
    const { close, log } = await openNest(imports, queue);
    blames = true;
    const { before, said, after } = await parkAndRedrive(() => publish('three'), log);
    expect({ before, said, after }).toEqual({ before: [1, 2, 3], said: [], after: [1] });
    await close();
  });

  it('begin anew for what the last one that is allowed has refused, on golevelup', async () => {
    const { close, log } = await openGolevelup(imports);
    failures = 2;
    blames = true;
    const send = (): void => publish('three', broker.name('three'));
    const { before, said, after } = await parkAndRedrive(send, log);
    expect({ before, said, after }).toEqual({ before: [1, 2, 3], said: [], after: [1] });
    await close();
  });

  it.each([
    ['stock Nest', openNest],
    ['golevelup', openGolevelup],
  ])('are not used up by failures that are not to count, on %s', async (library, open) => {
    const { close } = await open(imports, queue);
    excused = 4;
    publish('three', library === 'golevelup' ? broker.name('three') : queue);
    await parked();
    // Three that count; a message that comes again is never the first to those who deliver it.
    expect(attempts).toEqual([1, 2, 2, 2, 2, 2, 3]);
    await close();
  });

  it('are not used up by duplicates of a call under way', async () => {
    const both = [await openNest(imports, queue), await openNest(imports, queue)];
    gate = new Gate();
    failures = 1;
    // So that the duplicate is the next alone: of two that begin at once, each counts before one of them claims.
    holdMs = 2_000;
    publish('three');
    publish('three');
    await waitFor(() => deliveries >= 8);
    expect(attempts).toEqual([1]);
    gate.open();
    await waitFor(() => attempts.length === 2);
    await Promise.all(both.map(({ close }) => close()));
    expect(attempts).toEqual([1, 2]);
  });

  it('are not used up while the store cannot be asked', async () => {
    const { close } = await openNest(imports, queue);
    // The store does what it is told, and nobody hears of it; or nobody can tell it anything.
    const outage = (): void => (mode === 'lease' ? proxy.halfOpen('replies') : proxy.down());
    outage();
    publish('three');
    await waitFor(() => deliveries >= 4);
    proxy.restore();
    await parked();
    // Three runs, whatever the broker counts; a transaction takes a message that comes again for one that was tried.
    expect(attempts).toEqual(mode === 'lease' ? [2, 2, 3] : [2, 3]);
    await close();
  });

  it('are left to the queue where it is asked to count', async () => {
    const limit = { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 };
    const { close } = await openNest(imports, queue, limit);
    publish('unlimited');
    const dead = await parked();
    expect(dead.properties.headers?.['x-first-death-reason']).toBe('delivery_limit');
    expect(attempts).toEqual([1, 2, 3]);
    await close();
  });

  const ofTransactions =
    mode === 'transaction' ? ['no statement and no commit of a message that comes once'] : [];

  it.each(ofTransactions)('cost %s', async () => {
    const { close } = await openNest(imports, queue);
    // A first one warms up: what boot has asked is not meant.
    failures = 0;
    publish('three');
    await waitFor(() => statements.includes('commit'));
    statements = [];
    key = randomUUID();
    publish('three');
    await waitFor(() => statements.includes('commit'));
    // The claim travels with the begin, so it does not cost a round trip either.
    expect(statements).toEqual([expect.stringMatching(/^begin; insert into .*records/), 'commit']);
    await close();
  });
});
