import { grpcLoader, ORDER_V1_PACKAGE_NAME, orderProto } from '@shop/contracts';
import { Transport, type GrpcOptions } from '@nestjs/microservices';
import { config } from '../config';
import type { HealthStatus } from './health-status';

/** How this service listens. Limits are set on purpose: the defaults are 4 MB in, no limit out, and no keepalive. */
export function grpcOptions(health: HealthStatus): GrpcOptions {
  return {
    transport: Transport.GRPC,
    options: {
      url: config.GRPC_URL,
      package: ORDER_V1_PACKAGE_NAME,
      protoPath: orderProto,
      loader: grpcLoader,
      maxReceiveMessageLength: config.GRPC_MAX_MESSAGE_BYTES,
      maxSendMessageLength: config.GRPC_MAX_MESSAGE_BYTES,
      keepalive: {
        keepaliveTimeMs: config.GRPC_KEEPALIVE_MS,
        keepaliveTimeoutMs: config.GRPC_KEEPALIVE_TIMEOUT_MS,
        keepalivePermitWithoutCalls: 1,
      },
      onLoadPackageDefinition: (_definition, server) => health.addTo(server),
    },
  };
}
