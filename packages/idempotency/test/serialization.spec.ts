import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { openContext } from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
} from '@acme/nest-idempotency';
import { TransactionModule, type TransactionAdapter } from '@acme/nest-transaction';
import { beforeEach, expect, it } from 'vitest';

/** SQLSTATE of what the database gives up for the sake of another transaction. */
const FAILURE = '40001';
const serializationFailure = (): Error =>
  Object.assign(new Error('could not serialize access'), { code: FAILURE });

/** Every claim is granted; the database gives up the first transaction at the moment a test chooses. */
class GivingUp implements TransactionAdapter {
  readonly library = 'none';
  readonly dialect = 'postgres';
  transactions = 0;
  at: 'claim' | 'commit' | undefined;

  async transaction<R>(work: (handle: object) => Promise<R>): Promise<R> {
    this.transactions += 1;
    const result = await work({});
    this.giveUp('commit');
    return result;
  }

  sql() {
    const query = async <Row>(_: string, params?: readonly unknown[]) => {
      this.giveUp('claim');
      const id = Buffer.isBuffer(params?.[0]) ? params[0].toString('hex') : undefined;
      const row = { present: true, version: 1_000, id, fence: '1', attempt: 1 };
      return { rows: [row as Row], rowCount: 1 };
    };
    return { dialect: this.dialect, query } as const;
  }

  private giveUp(moment: 'claim' | 'commit'): void {
    if (this.at !== moment) return;
    this.at = undefined;
    throw serializationFailure();
  }
}

let adapter: GivingUp;
let service: IdempotencyService;

beforeEach(async () => {
  adapter = new GivingUp();
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter }),
      IdempotencyModule.forRoot({ namespace: 'x', store: new PostgresIdempotencyStore() }),
    ],
  })
  class App {}
  service = (await openContext(App)).app.get(IdempotencyService);
  adapter.transactions = 0;
});

it('begins a transaction anew in which only the claim has run', async () => {
  let runs = 0;
  adapter.at = 'claim';
  await service.run('k', async () => (runs += 1), { name: 'n', effect: 'none' });
  expect([runs, adapter.transactions]).toEqual([1, 2]);
});

it.each(['while it runs', 'at commit'])(
  'never runs a function twice in one call: a serialization failure %s is the caller’s',
  async (when) => {
    let runs = 0;
    const work = async (): Promise<void> => {
      runs += 1;
      if (when === 'while it runs') throw serializationFailure();
      adapter.at = 'commit';
    };
    const running = service.run('k', work, { name: 'n', effect: 'none' });
    await expect(running).rejects.toMatchObject({ code: FAILURE });
    expect([runs, adapter.transactions]).toEqual([1, 1]);
  },
);
