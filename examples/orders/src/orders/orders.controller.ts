import { Idempotent } from '@acme/nest-idempotency';
import { Controller } from '@nestjs/common';
import {
  OrderServiceControllerMethods,
  type GetOrderRequest,
  type GetOrderResponse,
  type OrderServiceController,
  type PlaceOrderRequest,
  type PlaceOrderResponse,
  type WatchOrdersRequest,
  type WatchOrdersResponse,
} from '@shop/contracts';
import { filter, map, type Observable } from 'rxjs';
import { validOrder } from './new-order';
import { OrderFeed } from './order-feed';
import { OrderNotFoundError } from './order.errors';
import { OrdersService } from './orders.service';

@Controller()
@OrderServiceControllerMethods()
export class OrdersController implements OrderServiceController {
  constructor(
    private readonly orders: OrdersService,
    private readonly feed: OrderFeed,
  ) {}

  // #region place
  /** The key comes in the metadata. Order, event and key are committed together. */
  @Idempotent()
  async placeOrder(request: PlaceOrderRequest): Promise<PlaceOrderResponse> {
    return { order: await this.orders.place(validOrder(request)) };
  }
  // #endregion

  async getOrder({ id }: GetOrderRequest): Promise<GetOrderResponse> {
    const order = await this.orders.find(id);
    if (!order) throw new OrderNotFoundError(id);
    return { order };
  }

  watchOrders({ customerId }: WatchOrdersRequest): Observable<WatchOrdersResponse> {
    return this.feed.orders.pipe(
      filter((order) => !customerId || order.customerId === customerId),
      map((order) => ({ order })),
    );
  }
}
