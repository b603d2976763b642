import { Outbox } from '@acme/nest-outbox';
import { Transactions } from '@acme/nest-transaction';
import { Injectable, Logger } from '@nestjs/common';
import type { OrderPlacedV1 } from '@shop/contracts';
import type { PoolClient } from 'pg';
import { PaymentCaptured } from './payment-captured.event.js';

@Injectable()
export class ChargesService {
  private readonly logger = new Logger(ChargesService.name);

  constructor(
    private readonly transactions: Transactions<PoolClient>,
    private readonly outbox: Outbox,
  ) {}

  // #region charge
  /** The charge and the event that tells about it: both, or neither. */
  async charge(order: OrderPlacedV1): Promise<void> {
    const payment = new PaymentCaptured(order);
    const { paymentId, orderId, amountCents, capturedAt } = payment;
    await this.transactions.run(async () => {
      await this.transactions
        .current()
        .query(
          'insert into charges (id, order_id, amount_cents, captured_at) values ($1, $2, $3, $4)',
          [paymentId, orderId, amountCents, capturedAt],
        );
      await this.outbox.add(payment);
    });
    this.logger.log(`Order ${orderId} charged`);
  }
  // #endregion
}
