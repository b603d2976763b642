import { show } from '@acme/nest-message-context/kit';
import { Inject } from '@nestjs/common';
import { GrpcErrorsConfigurationError } from '../grpc-errors.errors.js';

/** Nest prints it when nobody provides it, so it is the remedy itself. */
export const serviceToken = (service: string): string =>
  `@InjectGrpcService('${service}') needs a service of that name in GrpcClientsModule.register([{ packages: '${service.slice(0, service.lastIndexOf('.'))}', … }])`;

/**
 * Injects a gRPC service by its full name, so that `user.v1.UserService` and `user.v2.UserService` are two.
 *
 *     constructor(
 *       @InjectGrpcService('order.v1.OrderService')
 *       private readonly orders: GrpcService<OrderServiceClient>,
 *     ) {}
 *
 * @throws {GrpcErrorsConfigurationError} for a name without a package
 */
export function InjectGrpcService(service: string): ParameterDecorator & PropertyDecorator {
  assertFullName(service, '@InjectGrpcService()');
  return Inject(serviceToken(service));
}

/** @throws {GrpcErrorsConfigurationError} */
export function assertFullName(service: unknown, where: string): void {
  if (typeof service === 'string' && /^\w+(\.\w+)+$/.test(service)) return;
  throw new GrpcErrorsConfigurationError(
    [
      `${show(service)} is no full name of a service. Give it with its package: 'order.v1.OrderService'.`,
    ],
    where,
  );
}
