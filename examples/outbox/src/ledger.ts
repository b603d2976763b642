import { IdempotencyModule, Idempotent, PostgresIdempotencyStore } from '@acme/nest-idempotency';
import {
  MessageContextModule,
  NonRetryableError,
  type Publisher,
} from '@acme/nest-message-context';
import { Outbox, OutboxModule, PostgresOutboxStore } from '@acme/nest-outbox';
import { RabbitMqModule, RmqOrdered } from '@acme/nest-rabbitmq';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { Controller, Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { connect } from 'amqplib';
import type { Pool, PoolClient } from 'pg';

/** An account is open before anything is booked on it, and its balance is never below zero. */
export const ledgerTables = `
  create table account (id text primary key, balance integer not null check (balance >= 0));
  create table booking (seq serial primary key, account text not null, amount integer not null)`;

export interface Booking {
  readonly account: string;
  readonly amount: number;
}

@Injectable()
export class Bookings {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions<PoolClient>,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  /** Each account's bookings are numbered by the outbox, in the order in which their transactions commit. */
  book(bookings: readonly Booking[]): Promise<void> {
    return this.transactions.run(() =>
      this.outbox.add(
        bookings.map((booking) => ({
          type: 'booking.made.v1',
          key: booking.account,
          payload: booking,
        })),
      ),
    );
  }
}

@Controller()
class Ledger {
  constructor(@Inject(Transactions) private readonly transactions: Transactions<PoolClient>) {}

  @EventPattern('booking.made.v1')
  @Idempotent()
  @RmqOrdered({ key: { payload: 'account' }, onFailure: 'park-key', sequence: { startsAt: 1 } })
  async onBooking(@Payload() { account, amount }: Booking): Promise<void> {
    const client = this.transactions.current();
    const { rowCount } = await client.query(
      'update account set balance = balance + $2 where id = $1 and balance + $2 >= 0',
      [account, amount],
    );
    if (rowCount === 0) throw new NonRetryableError('NOT_COVERED');
    await client.query('insert into booking (account, amount) values ($1, $2)', [account, amount]);
  }
}

@Module({})
export class LedgerModule {
  static with(pool: Pool, schema: string, publisher: Publisher, amqpUrl: string): DynamicModule {
    return {
      module: LedgerModule,
      imports: [
        MessageContextModule.forRoot(),
        TransactionModule.forRoot({ adapter: fromPg(pool) }),
        OutboxModule.forRoot({
          store: new PostgresOutboxStore({ database: pool, schema }),
          publisher,
          sequence: true,
        }),
        IdempotencyModule.forRoot({
          namespace: 'ledger',
          store: new PostgresIdempotencyStore({ database: pool, schema, table: 'handled' }),
          migrate: true,
        }),
        RabbitMqModule.forRoot({ connect: () => connect(amqpUrl) }),
      ],
      controllers: [Ledger],
      providers: [Bookings],
    };
  }
}
