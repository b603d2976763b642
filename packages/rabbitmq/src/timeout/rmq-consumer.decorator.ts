import { edgeStage, type StageDecorator } from '@acme/nest-message-context';
import type { Duration } from '@acme/nest-message-context/kit';
import { TimeoutStage } from './timeout.stage.js';

/** What `@RmqConsumer()` can be told. */
export interface RmqConsumerOptions {
  /**
   * How long a handler may take. Then the `signal` of its message is aborted: give it to whatever takes that long. What throws then is
   * tried again like everything that fails, and the caller of a request is answered with `DEADLINE_EXCEEDED`. Calls that the handler
   * makes have no more time than is left, and a request that has a deadline of its own no more than that.
   */
  readonly timeout: Duration;
}

/**
 * Limits the time of a handler of Nest's `Transport.RMQ` or of golevelup, or of all handlers of a class.
 *
 *     @RmqConsumer({ timeout: '30s' })
 *     @EventPattern('order.placed.v1')
 *     async onPlaced(order: Order) {
 *       await fetch(url, { signal: MessageContext.require().message.signal });
 *     }
 */
export function RmqConsumer(options: RmqConsumerOptions): StageDecorator {
  return edgeStage<RmqConsumerOptions>({
    slot: 'deadline',
    decorator: '@RmqConsumer()',
    module: 'RabbitMqModule.forRoot()',
    service: TimeoutStage,
    options,
  });
}
