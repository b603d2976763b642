import {
  InjectOutbox,
  Outbox,
  OutboxModule,
  PostgresOutboxStore,
  type OutboxPublisher,
} from '@acme/nest-outbox';
import {
  fromPg,
  InjectTransactions,
  TransactionModule,
  Transactions,
} from '@acme/nest-transaction';
import { Injectable, Module, type DynamicModule } from '@nestjs/common';
import type { Pool } from 'pg';

// #region inject
@Injectable()
export class Ledger {
  constructor(
    @InjectTransactions('ledger') private readonly transactions: Transactions,
    @InjectOutbox('ledger') private readonly outbox: Outbox,
  ) {}

  book(entry: string): Promise<void> {
    return this.transactions.run(() =>
      this.outbox.add({ type: 'entry.booked.v1', key: entry, payload: { entry } }),
    );
  }
}
// #endregion

@Module({})
export class TenantsModule {
  static with(shopPool: Pool, ledgerPool: Pool, publisher: () => OutboxPublisher): DynamicModule {
    return {
      module: TenantsModule,
      // #region imports
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(shopPool) }),
        TransactionModule.forRoot({ adapter: fromPg(ledgerPool), name: 'ledger' }),
        OutboxModule.forRoot({
          store: new PostgresOutboxStore({ database: shopPool }),
          publisher: publisher(),
        }),
        OutboxModule.forFeature('ledger', {
          store: new PostgresOutboxStore({ database: ledgerPool }),
          publisher: publisher(),
        }),
      ],
      // #endregion
      providers: [Ledger],
    };
  }
}
