import { Idempotent } from '@acme/nest-idempotency';
import { status } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
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
import { OrderFeed } from './order-feed';
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
    if (!request.customerId || !request.reference || request.amountCents <= 0) {
      throw new RpcException({
        code: status.INVALID_ARGUMENT,
        message: 'An order needs customer_id, reference and an amount_cents above 0.',
      });
    }
    return { order: await this.orders.place(request) };
  }
  // #endregion

  async getOrder({ id }: GetOrderRequest): Promise<GetOrderResponse> {
    const order = await this.orders.find(id);
    if (!order) throw new RpcException({ code: status.NOT_FOUND, message: `No order ${id}.` });
    return { order };
  }

  watchOrders({ customerId }: WatchOrdersRequest): Observable<WatchOrdersResponse> {
    return this.feed.orders.pipe(
      filter((order) => !customerId || order.customerId === customerId),
      map((order) => ({ order })),
    );
  }
}
