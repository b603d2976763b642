import 'reflect-metadata';
import { randomBytes, randomUUID } from 'node:crypto';
import { Controller, Module, UseInterceptors, ClassSerializerInterceptor } from '@nestjs/common';
import {
  ClientProxyFactory,
  MessagePattern,
  RmqRecordBuilder,
  Transport,
  type ClientProxy,
} from '@nestjs/microservices';
import {
  openContext,
  openMicroservice,
  testBroker,
  testDatabase,
  testRedis,
} from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
  type EncryptionOptions,
  type IdempotencyModuleOptions,
} from '@acme/nest-idempotency';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { Exclude } from 'class-transformer';
import { EMPTY, from, lastValueFrom, toArray, type Observable } from 'rxjs';
import { beforeAll, describe, expect, it } from 'vitest';

const [older, newer] = [randomBytes(32), randomBytes(32)];
const CARD = { card: 'SECRET', at: new Date(0), big: 2n, bytes: Buffer.from([0, 255]) };

describe.each(['PostgreSQL', 'Redis'] as const)('a reply in %s', (where) => {
  let open: (encryption?: EncryptionOptions) => Promise<IdempotencyService>;
  let contents: () => Promise<string>;

  beforeAll(async () => {
    const database = await testDatabase();
    const redis = await testRedis();
    const common: Partial<IdempotencyModuleOptions> =
      where === 'Redis'
        ? { store: new RedisIdempotencyStore(redis.client, { prefix: redis.prefix }) }
        : { store: new PostgresIdempotencyStore({ schema: database.schema }), migrate: true };
    open = async (encryption) => {
      @Module({
        imports: [
          TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
          IdempotencyModule.forRoot({ namespace: 'x', maxReplySize: 1_000, encryption, ...common }),
        ],
      })
      class App {}
      return (await openContext(App)).app.get(IdempotencyService);
    };
    contents = async () => {
      if (where === 'PostgreSQL') {
        const { rows } = await database.pool.query(`select * from "${database.schema}".records`);
        return JSON.stringify(rows);
      }
      const keys = await redis.client.keys(`${redis.prefix}*`);
      const all = keys.map((key) => redis.client.get(key));
      return JSON.stringify(await Promise.all(all));
    };
  });

  const run = async <R>(service: IdempotencyService, key: string, result: R): Promise<R> =>
    service.run(key, async () => result, { name: 'cards', effect: 'none' });

  it('is encrypted, survives a change of the key, and shows nothing', async () => {
    const before = await open({ key: older, id: 'old' });
    expect(await run(before, 'a', CARD)).toEqual(CARD);
    const after = await open({ key: newer, id: 'new', previous: [{ key: older, id: 'old' }] });
    expect(await run(after, 'a', { ran: 'again' } as never)).toEqual(CARD);
    await run(after, 'b', CARD);
    const stored = await contents();
    expect(stored).toContain('sealed-1:old:');
    expect(stored).toContain('sealed-1:new:');
    expect(stored).not.toContain('SECRET');
    await expect(run(before, 'b', CARD)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_RECORD_UNREADABLE',
    });
  });

  it('that is too large is done and not kept, encrypted or not', async () => {
    for (const [key, encryption] of [
      ['plain', undefined],
      ['sealed', { key: older }],
    ] as const) {
      const service = await open(encryption);
      const large = 'x'.repeat(1_001);
      expect(await run(service, key, large)).toBe(large);
      await expect(run(service, key, 'again')).rejects.toMatchObject({
        code: 'IDEMPOTENCY_REPLY_NOT_KEPT',
      });
    }
  });
});

let runs = 0;

class User {
  readonly id = 7;
  @Exclude() readonly password = 'SECRET';
}

@Controller()
class Users {
  @Idempotent()
  @MessagePattern('many')
  many(): Observable<number> {
    runs += 1;
    return from([1, 2, 3]);
  }

  @Idempotent()
  @MessagePattern('none')
  none(): Observable<never> {
    runs += 1;
    return EMPTY;
  }

  @Idempotent()
  @UseInterceptors(ClassSerializerInterceptor)
  @MessagePattern('user')
  user(): User {
    runs += 1;
    return new User();
  }
}

describe('a request over RabbitMQ', () => {
  let client: ClientProxy;
  let warnings: () => string[];

  beforeAll(async () => {
    const [broker, redis] = await Promise.all([testBroker(), testRedis()]);
    const store = new RedisIdempotencyStore(redis.client, { prefix: redis.prefix });
    @Module({
      imports: [IdempotencyModule.forRoot({ namespace: 'users', store })],
      controllers: [Users],
    })
    class App {}
    const options = {
      urls: [broker.url],
      queue: broker.name('users'),
      queueOptions: { durable: false },
    };
    const { log } = await openMicroservice(App, {
      transport: Transport.RMQ,
      options: { ...options, noAck: false },
    });
    warnings = () => log.messages('warn').filter((text) => text.includes('values'));
    client = ClientProxyFactory.create({ transport: Transport.RMQ, options });
    return () => client.close();
  });

  const ask = async (pattern: string, key: string): Promise<unknown[]> => {
    const headers = { 'idempotency-key': key };
    const record = new RmqRecordBuilder({}).setOptions({ headers }).build();
    return lastValueFrom(client.send<unknown>(pattern, record).pipe(toArray()));
  };

  it.each<[string, unknown]>([
    ['many', [3]],
    ['none', []],
    ['user', [{ id: 7 }]],
  ])('is answered once, and its duplicate with the same: %s', async (pattern, reply) => {
    const key = randomUUID();
    runs = 0;
    expect(await ask(pattern, key)).toEqual(reply);
    expect(await ask(pattern, key)).toEqual(reply);
    expect(runs).toBe(1);
  });

  it('is said to get the last of several values, once', async () => {
    await ask('many', randomUUID());
    await ask('many', randomUUID());
    expect(warnings()).toEqual([expect.stringContaining('Users.many answered with 3 values')]);
  });
});
