import { GrpcError } from '@acme/nest-grpc-errors';

// #region error
/** There is no such order. */
@GrpcError<OrderNotFoundError>({ code: 'NOT_FOUND', metadata: ['orderId'] })
export class OrderNotFoundError extends Error {
  constructor(readonly orderId: string) {
    super(`There is no order ${orderId}.`);
  }
}
// #endregion
