import { grpcLoader, ORDER_V1_PACKAGE_NAME, orderProto } from '@shop/contracts';
import { Transport, type ClientProviderOptions } from '@nestjs/microservices';
import { protoPath as healthProto } from 'grpc-health-check';
import { config } from '../config.js';
import { outboundContext } from '../grpc/outbound-context.js';

/** Injection token of the connection to the orders service. */
export const ORDERS = 'ORDERS';

export const ordersClient: ClientProviderOptions = {
  name: ORDERS,
  transport: Transport.GRPC,
  options: {
    url: config.ORDERS_GRPC_URL,
    package: [ORDER_V1_PACKAGE_NAME, 'grpc.health.v1'],
    protoPath: [orderProto, healthProto],
    loader: grpcLoader,
    maxReceiveMessageLength: config.GRPC_MAX_MESSAGE_BYTES,
    maxSendMessageLength: config.GRPC_MAX_MESSAGE_BYTES,
    keepalive: {
      keepaliveTimeMs: config.GRPC_KEEPALIVE_MS,
      keepaliveTimeoutMs: config.GRPC_KEEPALIVE_TIMEOUT_MS,
    },
    channelOptions: { interceptors: [outboundContext(config.GRPC_DEADLINE_MS)] },
  },
};
