// #region service
import { Outbox, OutboxEvent } from '@acme/nest-outbox';
import { Transactions } from '@acme/nest-transaction';
import { Inject, Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';

@OutboxEvent<OrderPlaced>({ type: 'order.placed.v1', key: (event) => event.orderId })
class OrderPlaced {
  constructor(readonly orderId: string) {}
}

@Injectable()
export class OrdersService {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions<PoolClient>,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  place(id: string): Promise<void> {
    return this.transactions.run(async () => {
      await this.transactions.current().query('insert into orders (id) values ($1)', [id]);
      await this.outbox.add(new OrderPlaced(id));
    });
  }
}
// #endregion
