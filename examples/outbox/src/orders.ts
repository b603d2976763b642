import { Outbox, OutboxEvent } from '@acme/nest-outbox';
import { Transactions } from '@acme/nest-transaction';
import { Inject, Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';

export const orderTable = `
  create table shop_order (
    id text not null,
    amount integer not null,
    unique (id) deferrable initially deferred
  )`;

export interface Order {
  readonly id: string;
  readonly amount: number;
}

@OutboxEvent<OrderPlaced>({ type: 'order.placed.v1', key: (event) => event.orderId })
export class OrderPlaced {
  readonly orderId: string;
  readonly amount: number;

  constructor({ id, amount }: Order) {
    this.orderId = id;
    this.amount = amount;
  }
}

@Injectable()
export class Orders {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions<PoolClient>,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  // #region place
  place(order: Order): Promise<void> {
    return this.transactions.run(async () => {
      const client = this.transactions.current();
      await client.query('insert into shop_order values ($1, $2)', [order.id, order.amount]);
      await this.outbox.add(new OrderPlaced(order));
    });
  }
  // #endregion

  /** Everything that is said of one order keeps its order. */
  // #region ship
  ship(orderId: string, parcels: readonly string[]): Promise<void> {
    return this.transactions.run(() =>
      this.outbox.add([
        ...parcels.map((parcel) => ({
          type: 'parcel.sent.v1',
          key: orderId,
          payload: { orderId, parcel },
        })),
        { type: 'order.shipped.v1', key: orderId, payload: { orderId } },
      ]),
    );
  }
  // #endregion

  // #region remind
  remind(orderId: string): Promise<void> {
    return this.transactions.run(() =>
      this.outbox.add({ type: 'payment.reminder.v1', payload: { orderId }, delay: '3d' }),
    );
  }
  // #endregion
}
