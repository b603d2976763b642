import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/**
 * How proto-loader reads messages so that types of ts-proto are true. By its own defaults fields that were not sent are undefined, and 64-bit numbers are objects. Give it
 * to the server as well (`loader` of Nest's gRPC options).
 */
export const recommendedLoader = {
  keepCase: false,
  longs: String,
  enums: String,
  defaults: true,
  arrays: true,
  oneofs: true,
} as const;

/** The services of those packages, by their full names. */
export function loadServices(
  protoPath: readonly string[],
  packages: readonly string[],
  loader: object = recommendedLoader,
): ReadonlyMap<string, ServiceDefinition> {
  const services = new Map<string, ServiceDefinition>();
  for (const [name, definition] of Object.entries(loadSync([...protoPath], loader))) {
    const isService = typeof definition === 'object' && !('format' in definition);
    const inPackage = packages.includes(name.slice(0, name.lastIndexOf('.')));
    if (isService && inPackage) services.set(name, definition as ServiceDefinition);
  }
  return services;
}
