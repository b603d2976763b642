import { GrpcError } from '@acme/nest-grpc-errors';

export class OrderNotFoundError extends Error {}
GrpcError({ code: 'NOT_FOUND', metadata: ['orderId', 'customerId'] })(OrderNotFoundError);

export class OutOfStockError extends Error {}
GrpcError({ code: 'RESOURCE_EXHAUSTED', retryAfter: '2s', metadata: ({ left }) => ({ left }) })(
  OutOfStockError,
);
