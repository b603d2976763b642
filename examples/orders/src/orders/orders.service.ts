import { Outbox } from '@acme/nest-outbox';
import { Transactions } from '@acme/nest-transaction';
import { Injectable, Logger } from '@nestjs/common';
import type { Order, PlaceOrderRequest } from '@shop/contracts';
import { randomUUID } from 'node:crypto';
import { Pool, type PoolClient } from 'pg';
import { OrderFeed } from './order-feed';
import { OrderPlaced } from './order-placed.event';

@Injectable()
export class OrdersService {
  private readonly logger = new Logger(OrdersService.name);

  constructor(
    private readonly pool: Pool,
    private readonly transactions: Transactions<PoolClient>,
    private readonly outbox: Outbox,
    private readonly feed: OrderFeed,
  ) {}

  // #region place
  /** The order and the event that tells about it: both, or neither. */
  async place(request: PlaceOrderRequest): Promise<Order> {
    const order: Order = { ...request, id: randomUUID(), placedAt: new Date().toISOString() };
    await this.transactions.run(async () => {
      await this.transactions
        .current()
        .query(
          'insert into orders (id, customer_id, reference, amount_cents, placed_at) values ($1, $2, $3, $4, $5)',
          [order.id, order.customerId, order.reference, order.amountCents, order.placedAt],
        );
      await this.outbox.add(new OrderPlaced(order));
      this.transactions.afterCommit(() => this.feed.add(order));
    });
    this.logger.log(`Order ${order.id} placed`);
    return order;
  }
  // #endregion

  async find(id: string): Promise<Order | undefined> {
    const { rows } = await this.pool.query<OrderRow>('select * from orders where id = $1', [id]);
    return rows[0] && toOrder(rows[0]);
  }
}

interface OrderRow {
  id: string;
  customer_id: string;
  reference: string;
  amount_cents: number;
  placed_at: Date;
}

function toOrder(row: OrderRow): Order {
  return {
    id: row.id,
    customerId: row.customer_id,
    reference: row.reference,
    amountCents: row.amount_cents,
    placedAt: row.placed_at.toISOString(),
  };
}
