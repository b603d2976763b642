import { MessageContext, NonRetryableError } from '@acme/nest-message-context';
import { Injectable } from '@nestjs/common';
import type { PaymentCapturedV1 } from '@shop/contracts';
import { Pool } from 'pg';
import { config } from '../config';

/**
 * Stands where a mail provider would be. Like one, it takes part in no transaction and does what it is told, twice if told twice; it is
 * busy at times, and there are customers that it refuses.
 */
@Injectable()
export class Mailer {
  constructor(private readonly pool: Pool) {}

  // #region send
  async sendReceipt({ orderId, customerId }: PaymentCapturedV1): Promise<void> {
    // A later attempt gets through: whatever is thrown is tried again.
    if (isBusyAt(orderId) && MessageContext.require().message.attempt === 1)
      throw new Error('The mail provider is busy.');
    // No later attempt does, until somebody has seen to it: parked at once.
    if (await this.refuses(customerId))
      throw new NonRetryableError('MAIL_REFUSED', {
        message: `MAIL_REFUSED: the mail provider refuses to send to ${customerId}.`,
      });
    await this.pool.query('insert into sent_mails (order_id, customer_id) values ($1, $2)', [
      orderId,
      customerId,
    ]);
  }
  // #endregion

  private async refuses(customerId: string): Promise<boolean> {
    const { rowCount } = await this.pool.query(
      'select from refused_customers where customer_id = $1',
      [customerId],
    );
    return rowCount !== 0;
  }
}

const isBusyAt = (orderId: string): boolean =>
  config.MAIL_BUSY_EVERY > 0 && parseInt(orderId.slice(-6), 16) % config.MAIL_BUSY_EVERY === 0;
