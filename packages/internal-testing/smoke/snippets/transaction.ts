import assert from 'node:assert/strict';
import { Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  fromPg,
  TransactionModule,
  Transactions,
  type PgPoolClientLike,
} from '@acme/nest-transaction';

const statements: string[] = [];
const client: PgPoolClientLike = {
  query: async (text) => {
    statements.push(text);
    return { rows: [], rowCount: 0, command: text.toUpperCase() };
  },
  on: () => undefined,
  off: () => undefined,
  release: () => undefined,
};

@Injectable()
class Orders {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions<PgPoolClientLike>,
  ) {}

  place(): Promise<unknown> {
    return this.transactions.run(() => this.transactions.current().query('insert'));
  }
}

@Module({
  imports: [TransactionModule.forRoot({ adapter: fromPg({ connect: async () => client }) })],
  providers: [Orders],
})
class AppModule {}

/** One service method in one transaction. */
export async function smoke(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
  await app.get(Orders).place();
  await app.close();
  assert.equal(statements[0], 'begin');
  assert.ok(statements.includes('insert'));
  assert.equal(statements.at(-1), 'commit');
}
