import {
  GrpcClientsModule,
  GrpcError,
  InjectGrpcService,
  isRemoteError,
  RemoteUnavailableError,
  type GrpcService,
} from '@acme/nest-grpc-errors';
import { Injectable } from '@nestjs/common';
import { PROTO, type Message } from './probe-app.js';

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

@Injectable()
export class Orders {
  constructor(
    @InjectGrpcService('probe.v1.Probe')
    private readonly probe: GrpcService<{ unary(request: Message): Promise<Message> }>,
  ) {}

  async find(id: string): Promise<Message | 'sold' | 'later' | undefined> {
    // #region catch
    try {
      return await this.probe.unary({ id });
    } catch (error) {
      if (error instanceof OrderNotFoundError) return undefined;
      if (error instanceof RemoteUnavailableError) return 'later';
      if (isRemoteError(error) && error.reason === 'SOLD_OUT') return 'sold';
      throw error;
    }
    // #endregion
  }
}
