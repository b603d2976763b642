import { Idempotent } from '@acme/nest-idempotency';
import { Metadata } from '@grpc/grpc-js';
import {
  Body,
  Controller,
  Get,
  Headers,
  Inject,
  Logger,
  Param,
  ParseUUIDPipe,
  Post,
  Query,
  Sse,
  type MessageEvent,
  type OnModuleInit,
} from '@nestjs/common';
import type { ClientGrpc } from '@nestjs/microservices';
import { ORDER_SERVICE_NAME, type Order, type OrderServiceClient } from '@shop/contracts';
import { firstValueFrom, map, type Observable } from 'rxjs';
import { NewOrderPipe, type NewOrder } from './new-order.js';
import { ORDERS } from './orders.client.js';

@Controller('orders')
export class OrdersController implements OnModuleInit {
  private readonly logger = new Logger(OrdersController.name);
  private orders!: OrderServiceClient;

  constructor(@Inject(ORDERS) private readonly client: ClientGrpc) {}

  onModuleInit(): void {
    this.orders = this.client.getService<OrderServiceClient>(ORDER_SERVICE_NAME);
  }

  // #region place
  /** The key travels on: should this process die before it has stored the reply, orders still knows the key. */
  @Post()
  @Idempotent()
  async place(
    @Body(NewOrderPipe) newOrder: NewOrder,
    @Headers('idempotency-key') key: string,
  ): Promise<Order | undefined> {
    const metadata = new Metadata();
    metadata.set('idempotency-key', key);
    const { order } = await firstValueFrom(this.orders.placeOrder(newOrder, metadata));
    this.logger.log(`Order ${order?.id} accepted`);
    return order;
  }
  // #endregion

  /** Orders as they are placed, as server-sent events. */
  @Sse('watch')
  watch(@Query('customerId') customerId = ''): Observable<MessageEvent> {
    return this.orders
      .watchOrders({ customerId })
      .pipe(map(({ order }) => ({ data: order as Order })));
  }

  @Get(':id')
  async find(@Param('id', ParseUUIDPipe) id: string): Promise<Order | undefined> {
    const { order } = await firstValueFrom(this.orders.getOrder({ id }));
    return order;
  }
}
