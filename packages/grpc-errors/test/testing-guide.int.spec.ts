// What docs/guides/grpc-testing.md shows, as it is.
import { RemoteUnavailableError, type GrpcService } from '@acme/nest-grpc-errors';
import {
  expectGrpcError,
  faults,
  startGrpcTestServer,
  type GrpcTestServer,
} from '@acme/nest-grpc-errors/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  Orders,
  OrdersModule,
  protoPath,
  type OrderServiceClient,
} from './support/orders-example.js';

// #region server
describe('orders', () => {
  const wrong = faults();
  let server: GrpcTestServer;
  let orders: GrpcService<OrderServiceClient>;

  beforeAll(async () => {
    server = await startGrpcTestServer(OrdersModule, {
      packages: 'order.v1',
      protoPath,
      faults: wrong,
    });
    orders = server.client('order.v1.OrderService');
  });
  afterEach(() => wrong.reset());
  afterAll(() => server.close());
  // #endregion

  // #region error
  it('says which order is not there', async () => {
    await expectGrpcError(orders.getOrder({ id: '7' }))
      .toHaveStatus('NOT_FOUND')
      .toHaveReason('ORDER_NOT_FOUND', 'orders.shop.example')
      .toHaveMetadata({ orderId: '7' });
  });
  // #endregion

  // #region faults
  it('is asked again while it is away', async () => {
    const away = wrong.status('UNAVAILABLE', { times: 2 });
    expect(await orders.getOrder({ id: '1' })).toEqual({ id: '1' });
    expect(away.hits).toBe(2);
  });

  it('is not asked again where that could do something twice', async () => {
    const lost = wrong.drop({ method: 'order.v1.OrderService/PlaceOrder' });
    await expect(orders.placeOrder({ sku: 'a' })).rejects.toBeInstanceOf(RemoteUnavailableError);
    expect(lost.hits).toBe(1);
  });
  // #endregion
});

// #region unit
it('finds no order, and would say so', () => {
  const orders = new Orders();
  expectGrpcError(() => orders.get('7')).toHaveStatus('NOT_FOUND');
});
// #endregion
