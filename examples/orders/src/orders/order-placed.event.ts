import { OutboxEvent } from '@acme/nest-outbox';
import { events, type Order, type OrderPlacedV1 } from '@shop/contracts';

// #region event
/** Said to others as `OrderPlacedV1` has it; all that is said of one order keeps its order. */
@OutboxEvent<OrderPlaced>({ type: events.orderPlaced, key: (event) => event.orderId })
export class OrderPlaced implements OrderPlacedV1 {
  readonly orderId: string;
  readonly customerId: string;
  readonly amountCents: number;
  readonly placedAt: string;

  constructor({ id, customerId, amountCents, placedAt }: Order) {
    this.orderId = id;
    this.customerId = customerId;
    this.amountCents = amountCents;
    this.placedAt = placedAt;
  }
}
// #endregion
