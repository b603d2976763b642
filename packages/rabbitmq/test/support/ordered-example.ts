// What docs/guides/ordering.md shows.
import { orderedTopology, RmqOrdered } from '@acme/nest-rabbitmq';
import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Controller, Injectable, type INestApplication } from '@nestjs/common';
import { EventPattern, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { connect } from 'amqplib';

interface Order {
  readonly orderId: string;
}

interface Booking {
  readonly accountId: string;
}

const handled: unknown[] = [];
const apply = async (what: string, order: Order | Booking): Promise<void> => {
  handled.push({ what, order });
};

// #region nest
@Controller()
@RmqOrdered({ key: { payload: 'orderId' } })
export class OrdersController {
  @EventPattern('order.placed.v1')
  async placed(order: Order): Promise<void> {
    await apply('placed', order);
  }

  @EventPattern('order.paid.v1')
  async paid(order: Order): Promise<void> {
    await apply('paid', order);
  }
}
// #endregion

// #region golevelup
@Injectable()
export class OrdersConsumer {
  @RabbitSubscribe({ exchange: 'orders', routingKey: 'order.*', queue: 'shipping.orders' })
  @RmqOrdered({ key: { header: 'x-order-id' }, onFailure: 'skip' })
  async handle(order: Order): Promise<void> {
    await apply('handled', order);
  }
}
// #endregion

// #region park-key
@Controller()
export class LedgerController {
  @EventPattern('payment.booked.v1')
  @RmqOrdered({ key: { payload: 'accountId' }, onFailure: 'park-key', sequence: { startsAt: 1 } })
  async book(booking: Booking): Promise<void> {
    await apply('booked', booking);
  }
}
// #endregion

// #region topology
const orders = orderedTopology({
  exchange: 'orders.by-id',
  queue: 'billing.orders',
  partitions: 8,
  header: 'x-order-id',
  sources: [{ exchange: 'orders', routingKey: 'order.*' }],
});

export async function consumeOrders(app: INestApplication, url: string): Promise<void> {
  await orders.declare(() => connect(url));
  for (const queue of orders.queues)
    app.connectMicroservice<MicroserviceOptions>({
      transport: Transport.RMQ,
      options: {
        urls: [url],
        queue,
        queueOptions: orders.queueOptions,
        noAck: false,
        prefetchCount: 20,
      },
    });
  await app.startAllMicroservices();
  // Or app.listen(): before that, messages wait.
  await app.init();
}
// #endregion
