import type { Benchmark } from '../benchmark.js';

/** Every benchmark by name. Loaded when it is run, so that one does not need what another measures against. */
export const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  context: async () => (await import('./context.js')).context,
  grpc: async () => (await import('./grpc.js')).grpc,
  idempotency: async () => (await import('./idempotency.js')).idempotency,
  outbox: async () => (await import('./outbox.js')).outbox,
  rabbitmq: async () => (await import('./rabbitmq.js')).rabbitmq,
};
