import { Injectable } from '@nestjs/common';
import type { PaymentCapturedV1 } from '@shop/contracts';
import { Pool } from 'pg';

/** Stands where a mail provider would be. Like one, it takes part in no transaction and does what it is told, twice if told twice. */
@Injectable()
export class Mailer {
  constructor(private readonly pool: Pool) {}

  async sendReceipt({ orderId, customerId }: PaymentCapturedV1): Promise<void> {
    await this.pool.query('insert into sent_mails (order_id, customer_id) values ($1, $2)', [
      orderId,
      customerId,
    ]);
  }
}
