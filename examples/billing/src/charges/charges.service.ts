import { Outbox } from '@acme/nest-outbox';
import { Transactions } from '@acme/nest-transaction';
import { Injectable, Logger } from '@nestjs/common';
import { events, type OrderPlacedV1, type PaymentCapturedV1 } from '@shop/contracts';
import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';

@Injectable()
export class ChargesService {
  private readonly logger = new Logger(ChargesService.name);

  constructor(
    private readonly transactions: Transactions<PoolClient>,
    private readonly outbox: Outbox,
  ) {}

  /** The charge and the event that tells about it: both, or neither. */
  async charge({ orderId, customerId, amountCents }: OrderPlacedV1): Promise<void> {
    const payment: PaymentCapturedV1 = {
      paymentId: randomUUID(),
      orderId,
      customerId,
      amountCents,
      capturedAt: new Date().toISOString(),
    };
    await this.transactions.run(async () => {
      await this.transactions
        .current()
        .query(
          'insert into charges (id, order_id, amount_cents, captured_at) values ($1, $2, $3, $4)',
          [payment.paymentId, orderId, amountCents, payment.capturedAt],
        );
      await this.outbox.add({ type: events.paymentCaptured, key: orderId, payload: payment });
    });
    this.logger.log(`Order ${orderId} charged`);
  }
}
