import { RmqDeadLetter, RmqRetry, type QueuePolicyOptions } from '@acme/nest-rabbitmq';
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

/** As drivers of databases and HTTP clients have them. */
const is = (error: unknown, what: object): boolean =>
  typeof error === 'object' &&
  error !== null &&
  Object.entries(what).every(([key, value]) => (error as Record<string, unknown>)[key] === value);

// #region by-error
export const byError: QueuePolicyOptions = {
  retry: {
    immediate: 2,
    retryIf: (error) => {
      if (is(error, { code: 'CARD_EXPIRED' })) return false;
      if (is(error, { status: 429 })) return '1m';
      return undefined;
    },
  },
  deadLetter: { redact: (text) => text.replaceAll(/\b\d{16}\b/g, '****') },
};
// #endregion
