import { MessageContextModule, PlainJsonDeserializer } from '@acme/nest-message-context';
import { RabbitMqModule } from '@acme/nest-rabbitmq';
import { Controller, Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { EventPattern, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { connect } from 'amqplib';
import { ParkedOrders, QUEUE } from './parked-orders.js';

/** What goes wrong until somebody mends it. */
@Injectable()
export class Warehouse {
  isOpen = false;
  readonly shipped: number[] = [];

  ship(id: number): void {
    if (!this.isOpen) throw new Error('the warehouse does not answer');
    this.shipped.push(id);
  }
}

@Controller()
class Orders {
  constructor(@Inject(Warehouse) private readonly warehouse: Warehouse) {}

  @EventPattern('order.placed.v1')
  onPlaced({ id }: { id: number }): void {
    this.warehouse.ship(id);
  }
}

@Module({})
export class OrdersModule {
  static with(url: string, queue: string): DynamicModule {
    return {
      module: OrdersModule,
      imports: [
        MessageContextModule.forRoot(),
        RabbitMqModule.forRoot({
          connect: () => connect(url),
          retry: { attempts: 2, backoff: ['100ms'], jitter: false },
        }),
      ],
      controllers: [Orders],
      providers: [Warehouse, ParkedOrders, { provide: QUEUE, useValue: queue }],
    };
  }
}

export const orders = (url: string, queue: string): MicroserviceOptions => ({
  transport: Transport.RMQ,
  options: {
    urls: [url],
    queue,
    queueOptions: { durable: true, arguments: { 'x-queue-type': 'quorum' } },
    noAck: false,
    prefetchCount: 10,
    deserializer: new PlainJsonDeserializer(),
  },
});
