import { NestFactory } from '@nestjs/core';
import {
  IdempotencyModule,
  IdempotencyService,
  InMemoryIdempotencyStore,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
  type IdempotencyModuleOptions,
  type RedisLike,
} from '@acme/nest-idempotency';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import type pg from 'pg';

/** Our service, as an application has it. */
export interface OurService {
  readonly service: IdempotencyService;
  /** Where the store claims in them. */
  readonly transactions: Transactions | undefined;
  close(): Promise<void>;
}

type Options = Partial<IdempotencyModuleOptions>;

class Root {}

export const inMemory = (options: Options = {}): Promise<OurService> =>
  open({ store: new InMemoryIdempotencyStore(), ...options });

export const inRedis = (
  client: RedisLike,
  mark: string,
  options: Options = {},
): Promise<OurService> =>
  open({ store: new RedisIdempotencyStore(client, { prefix: `${mark}:ours:` }), ...options });

export const inPostgres = (pool: pg.Pool, schema: string): Promise<OurService> =>
  open({ store: new PostgresIdempotencyStore({ schema }), migrate: true }, pool);

async function open(options: Options, pool?: pg.Pool): Promise<OurService> {
  const app = await NestFactory.createApplicationContext(
    {
      module: Root,
      imports: [
        ...(pool ? [TransactionModule.forRoot({ adapter: fromPg(pool) })] : []),
        IdempotencyModule.forRoot({ namespace: 'bench', ...options }),
      ],
    },
    { logger: false },
  );
  return {
    service: app.get(IdempotencyService),
    transactions: pool ? app.get(Transactions) : undefined,
    close: () => app.close(),
  };
}
