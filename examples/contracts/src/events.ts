/**
 * Events, as they travel: the name with its version is the AMQP property `type` and the routing key, the payload is JSON.
 * Fields are only ever added. Anything else is a new version with a new name.
 */
export const events = {
  orderPlaced: 'order.placed.v1',
  paymentCaptured: 'payment.captured.v1',
} as const;

/** `order.placed.v1` */
export interface OrderPlacedV1 {
  readonly orderId: string;
  readonly customerId: string;
  readonly amountCents: number;
  /** RFC 3339 */
  readonly placedAt: string;
}

/** `payment.captured.v1` */
export interface PaymentCapturedV1 {
  readonly paymentId: string;
  readonly orderId: string;
  readonly customerId: string;
  readonly amountCents: number;
  /** RFC 3339 */
  readonly capturedAt: string;
}
