import { bodyStage, type StageDecorator } from '@acme/nest-message-context';
import type { RmqOrderedOptions } from './ordered.options.js';
import { OrderedStage } from './ordered.stage.js';

/**
 * Messages of one key are handled one after the other, in the order in which the broker delivered them; those of different keys at
 * once, as far as the prefetch allows. On a handler of Nest's `Transport.RMQ` or of golevelup, or on a class for all its handlers.
 *
 *     @RmqOrdered({ key: { payload: 'orderId' } })
 *     @EventPattern('order.paid.v1')
 *     async onPaid(order: OrderPaid) { … }
 */
export function RmqOrdered(options: RmqOrderedOptions): StageDecorator {
  return bodyStage<RmqOrderedOptions>({
    slot: 'order',
    decorator: '@RmqOrdered()',
    module: 'RabbitMqModule.forRoot()',
    service: OrderedStage,
    options,
  });
}
