import { InjectGrpcService, type GrpcService } from '@acme/nest-grpc-errors';
import { Idempotent } from '@acme/nest-idempotency';
import {
  Body,
  Controller,
  Get,
  Headers,
  Logger,
  Param,
  ParseUUIDPipe,
  Post,
  Query,
  Sse,
  type MessageEvent,
} from '@nestjs/common';
import type { Order, OrderServiceClient } from '@shop/contracts';
import { map, type Observable } from 'rxjs';
import { NewOrderPipe, type NewOrder } from './new-order.js';

@Controller('orders')
export class OrdersController {
  private readonly logger = new Logger(OrdersController.name);

  // #region inject
  constructor(
    @InjectGrpcService('order.v1.OrderService')
    private readonly orders: GrpcService<OrderServiceClient>,
  ) {}
  // #endregion

  // #region place
  /** The key travels on: should this process die before it has stored the reply, orders still knows the key. */
  @Post()
  @Idempotent()
  async place(
    @Body(NewOrderPipe) newOrder: NewOrder,
    @Headers('idempotency-key') key: string,
  ): Promise<Order | undefined> {
    const { order } = await this.orders.placeOrder(newOrder, { idempotencyKey: key });
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
    const { order } = await this.orders.getOrder({ id });
    return order;
  }
}
