import { Inject } from '@nestjs/common';

/** Nest prints it when nobody provides it, so it is the remedy itself. */
export const serviceToken = (service: string): string =>
  `@InjectGrpcService('${service}') needs GrpcClientsModule.register([{ packages: '${service.slice(0, service.lastIndexOf('.'))}', … }])`;

/**
 * Injects a gRPC service by its full name, so that `user.v1.UserService` and `user.v2.UserService` are two.
 *
 *     constructor(
 *       @InjectGrpcService('order.v1.OrderService')
 *       private readonly orders: GrpcService<OrderServiceClient>,
 *     ) {}
 */
export const InjectGrpcService = (service: string): ParameterDecorator & PropertyDecorator =>
  Inject(serviceToken(service));
