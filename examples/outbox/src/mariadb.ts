import { MariaDbOutboxStore, Outbox, OutboxModule, type OutboxPublisher } from '@acme/nest-outbox';
import { fromMysql2, TransactionModule, Transactions } from '@acme/nest-transaction';
import { Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import type { Pool, PoolConnection } from 'mysql2/promise';
import { OrderPlaced, type Order } from './orders.js';

@Injectable()
export class MariaDbOrders {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions<PoolConnection>,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  place(order: Order): Promise<void> {
    return this.transactions.run(async () => {
      const connection = this.transactions.current();
      await connection.query('insert into shop_order values (?, ?)', [order.id, order.amount]);
      await this.outbox.add(new OrderPlaced(order));
    });
  }
}

@Module({})
export class MariaDbModule {
  static with(pool: Pool, publisher: OutboxPublisher): DynamicModule {
    return {
      module: MariaDbModule,
      // #region imports
      imports: [
        TransactionModule.forRoot({ adapter: fromMysql2(pool) }),
        OutboxModule.forRoot({ store: new MariaDbOutboxStore({ database: pool }), publisher }),
      ],
      // #endregion
      providers: [MariaDbOrders],
    };
  }
}
