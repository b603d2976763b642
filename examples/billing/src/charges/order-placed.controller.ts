import { Idempotent } from '@acme/nest-idempotency';
import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { events, type OrderPlacedV1 } from '@shop/contracts';
import { ChargesService } from './charges.service.js';

// #region handler
@Controller()
export class OrderPlacedController {
  constructor(private readonly charges: ChargesService) {}

  /** The event's id, the charge and the event that follows from it are committed together; then the message is acked. */
  @EventPattern(events.orderPlaced)
  @Idempotent()
  async handle(@Payload() event: OrderPlacedV1): Promise<void> {
    await this.charges.charge(event);
  }
}
// #endregion
