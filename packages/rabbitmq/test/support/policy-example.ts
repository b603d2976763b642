import { RmqDeadLetter, RmqRetry } from '@acme/nest-rabbitmq';
import { Controller } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';

/** Written down at boot, and in the guide. */
// #region policies
@RmqDeadLetter({ queue: 'payments.to-look-at' })
@Controller()
export class Payments {
  @RmqRetry({ attempts: 50, backoff: ['1s', '10s', '1m'] })
  @EventPattern('order.placed.v1')
  charge(): void {}

  // With what the module says, but for its dead-letter queue.
  @EventPattern('order.cancelled.v1')
  refund(): void {}
}
// #endregion
