import { OutboxEvent } from '@acme/nest-outbox';
import { events, type OrderPlacedV1, type PaymentCapturedV1 } from '@shop/contracts';
import { randomUUID } from 'node:crypto';

// #region event
@OutboxEvent<PaymentCaptured>({ type: events.paymentCaptured, key: (event) => event.orderId })
export class PaymentCaptured implements PaymentCapturedV1 {
  readonly paymentId = randomUUID();
  readonly capturedAt = new Date().toISOString();
  readonly orderId: string;
  readonly customerId: string;
  readonly amountCents: number;

  constructor({ orderId, customerId, amountCents }: OrderPlacedV1) {
    this.orderId = orderId;
    this.customerId = customerId;
    this.amountCents = amountCents;
  }
}
// #endregion
