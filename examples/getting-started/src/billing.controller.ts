import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { Idempotent } from '@acme/nest-idempotency';
import { Outbox } from '@acme/nest-outbox';
import { Transactions } from '@acme/nest-transaction';
import type { ClientBase } from 'pg';

interface OrderPlaced {
  readonly orderId: string;
  readonly amount: number;
}

// #region handler
@Controller()
export class BillingController {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions<ClientBase>,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  @Idempotent()
  @EventPattern('order.placed.v1')
  async charge(@Payload() { orderId, amount }: OrderPlaced): Promise<void> {
    const client = this.transactions.current();
    await client.query('insert into charge (order_id, amount) values ($1, $2)', [orderId, amount]);
    await this.outbox.add({
      type: 'payment.captured.v1',
      payload: { orderId, amount },
      key: orderId,
    });
  }
}
// #endregion
