import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { callSite } from './call-site.js';
import type { GrpcCaller } from './grpc-caller.js';
import type { GrpcCallOptions } from './grpc-service.types.js';

/** The service with its methods, by the names that JavaScript has for them, `getOrder` of `rpc GetOrder`, and by their own. */
export function grpcService(definition: ServiceDefinition, caller: GrpcCaller): object {
  const service: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(definition)) {
    const { originalName } = method as { readonly originalName?: string };
    const call = (request: unknown, options?: GrpcCallOptions) =>
      caller.call(
        method as MethodDefinition<unknown, unknown>,
        request ?? {},
        options,
        callSite(call),
      );
    service[name] = call;
    service[originalName ?? name.charAt(0).toLowerCase() + name.slice(1)] = call;
  }
  return service;
}
