import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  loadPackageDefinition,
  type MethodDefinition,
  type ServiceClientConstructor,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** The one service that everybody serves: `Succeed` gives back the id, `Refuse` finds fault with it. */
export const PACKAGE = 'bench.v1';

export const PROTO = join(
  dirname(createRequire(import.meta.url).resolve('@acme/internal-benchmarks/package.json')),
  'proto/bench.proto',
);

export interface Message {
  readonly id: string;
}

export type MethodName = 'Succeed' | 'Refuse';

export const pathOf = (method: MethodName): string => `/bench.v1.Bench/${method}`;

/** As grpc-js knows it. */
export function serviceDefinition(): ServiceDefinition {
  const { bench } = loadPackageDefinition(loadSync(PROTO)) as never as {
    readonly bench: { readonly v1: { readonly Bench: ServiceClientConstructor } };
  };
  return bench.v1.Bench.service;
}

/** A method of it, with its way to write and read messages. */
export const methodOf = (method: MethodName): MethodDefinition<Message, Message> =>
  Object.values(serviceDefinition()).find(
    ({ path }) => path === pathOf(method),
  ) as MethodDefinition<Message, Message>;

/** What `Refuse` says, whoever says it. */
export const REFUSAL = {
  code: 3,
  message: 'The request is not valid: id: must not be empty',
  reason: 'ID_MISSING',
  domain: 'bench.test',
  metadata: { id: 'a' },
  violations: [{ field: 'id', description: 'must not be empty' }],
} as const;
