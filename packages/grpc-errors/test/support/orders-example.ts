import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import { MessageContextModule } from '@acme/nest-message-context';
import { GrpcError, GrpcErrorsModule } from '@acme/nest-grpc-errors';
import { Controller, Injectable, Module } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';

export interface Order {
  readonly id: string;
}

export interface OrderServiceClient {
  getOrder(request: { id: string }): Promise<Order>;
  placeOrder(request: { sku: string }): Promise<Order>;
}

@GrpcError<OrderNotFoundError>({ code: 'NOT_FOUND', metadata: ['orderId'] })
class OrderNotFoundError extends Error {
  constructor(readonly orderId: string) {
    super(`There is no order ${orderId}.`);
  }
}

@Injectable()
export class Orders {
  get(id: string): Order {
    if (id !== '1') throw new OrderNotFoundError(id);
    return { id };
  }

  place(): Order {
    return { id: '1' };
  }
}

@Controller()
class OrdersController {
  constructor(private readonly orders: Orders) {}

  @GrpcMethod('OrderService')
  getOrder({ id }: { id: string }): Order {
    return this.orders.get(id);
  }

  @GrpcMethod('OrderService')
  placeOrder(): Order {
    return this.orders.place();
  }
}

@Module({
  imports: [
    MessageContextModule.forRoot(),
    GrpcErrorsModule.forRoot({ domain: 'orders.shop.example', logging: false }),
  ],
  controllers: [OrdersController],
  providers: [Orders],
})
export class OrdersModule {}

export const protoPath = fileURLToPath(new URL('./orders.proto', import.meta.url));
