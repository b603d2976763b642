import { Idempotent } from '@acme/nest-idempotency';
import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Injectable, Logger } from '@nestjs/common';
import type { PaymentCapturedV1 } from '@shop/contracts';
import { PAYMENT_CAPTURED } from '../rabbitmq';
import { Mailer } from './mailer';

@Injectable()
export class PaymentCapturedConsumer {
  private readonly logger = new Logger(PaymentCapturedConsumer.name);

  constructor(private readonly mailer: Mailer) {}

  // #region handle
  /** A mail cannot be rolled back, so the key is leased while it is sent: one runner at a time, one recorded outcome. */
  @RabbitSubscribe({ name: PAYMENT_CAPTURED })
  @Idempotent()
  async handle(event: PaymentCapturedV1): Promise<void> {
    await this.mailer.sendReceipt(event);
    this.logger.log(`Receipt for order ${event.orderId} sent`);
  }
  // #endregion
}
