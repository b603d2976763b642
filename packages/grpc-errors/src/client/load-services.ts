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

export const packageOf = (service: string): string => service.slice(0, service.lastIndexOf('.'));

/** The services of those packages, by their full names. */
export function loadServices(
  protoPath: readonly string[],
  packages: readonly string[],
  loader: object = recommendedLoader,
): ReadonlyMap<string, ServiceDefinition> {
  const services = new Map<string, ServiceDefinition>();
  for (const [name, definition] of servicesIn(protoPath, loader))
    if (packages.includes(packageOf(name))) services.set(name, definition);
  return services;
}

/** Those that have services. */
export const packagesIn = (
  protoPath: readonly string[],
  loader: object = recommendedLoader,
): string[] => [...new Set(servicesIn(protoPath, loader).map(([name]) => packageOf(name)))];

function servicesIn(
  protoPath: readonly string[],
  loader: object,
): (readonly [string, ServiceDefinition])[] {
  const all = Object.entries(loadSync([...protoPath], loader));
  return all.filter(([, one]) => !('format' in one)) as [string, ServiceDefinition][];
}
