import { GrpcClientsModule, GrpcError } from '@acme/nest-grpc-errors';
import { PROTO } from './probe-app.js';

@GrpcError<OrderNotFoundError>({ code: 'NOT_FOUND', metadata: ['orderId'] })
export class OrderNotFoundError extends Error {
  constructor(readonly orderId: string) {
    super(`Order ${orderId} does not exist.`);
  }
}

const protoPath = PROTO;

export const clients = (url: string): ReturnType<typeof GrpcClientsModule.register> =>
  // #region errors
  GrpcClientsModule.register([
    {
      url,
      packages: 'probe.v1',
      protoPath,
      errors: { 'probe.test': [OrderNotFoundError] },
    },
  ]);
// #endregion
