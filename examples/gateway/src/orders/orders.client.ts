import type { GrpcClientOptions } from '@acme/nest-grpc-errors';
import { grpcLoader, ORDER_V1_PACKAGE_NAME, orderProto } from '@shop/contracts';
import { protoPath as healthProto } from 'grpc-health-check';
import { config } from '../config.js';

// #region client
export const ordersClient: GrpcClientOptions = {
  url: config.ORDERS_GRPC_URL,
  packages: [ORDER_V1_PACKAGE_NAME, 'grpc.health.v1'],
  protoPath: [orderProto, healthProto],
  loader: grpcLoader,
  timeout: config.GRPC_DEADLINE_MS,
  channelOptions: {
    'grpc.max_receive_message_length': config.GRPC_MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': config.GRPC_MAX_MESSAGE_BYTES,
    'grpc.keepalive_time_ms': config.GRPC_KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': config.GRPC_KEEPALIVE_TIMEOUT_MS,
  },
};
// #endregion
