import { randomUUID } from 'node:crypto';
import { setTimeout as elapse } from 'node:timers/promises';
import { IdempotencyModule, InMemoryIdempotencyStore } from '@acme/nest-idempotency';
import { NodeIdempotencyModule } from '@node-idempotency/nestjs';
import { MemoryStorageAdapter } from '@node-idempotency/storage-adapter-memory';
import { NestFactory } from '@nestjs/core';
import { waitFor } from '../../../measure/wait-for.js';
import { openHttp } from '../http-app.js';
import { appWithOurs, appWithTheirs } from '../vs-node-idempotency.js';
import { onBoth } from './pair.js';
import { Gate, NODE_IDEMPOTENCY, outcomeOf, thenClose, type Scenario } from './scenario.js';

/** Long enough for two calls to meet within it, short enough to be waited for. */
const TTL_MS = 300;

export const recordScenarios: readonly Scenario[] = [
  {
    id: '6.1 6',
    defect: 'two calls at a time after the record has expired',
    peer: NODE_IDEMPOTENCY,
    observe: () =>
      onBoth({ ours: { ttl: TTL_MS }, theirs: { cacheTTLMS: TTL_MS } }, async (side) => {
        side.gate.open();
        await side.post('/slow', { key: 'expires' });
        await elapse(TTL_MS + 50);
        side.gate = new Gate();
        let answered = 0;
        const two = [1, 2].map(async () => {
          const { status } = await side.post('/slow', { key: 'expires' });
          answered += 1;
          return status;
        });
        await waitFor(() => side.runs('slow') === 3 || answered > 0, 'the second call');
        side.gate.open();
        const statuses = (await Promise.all(two)).sort();
        const runs = side.runs('slow') - 1;
        return { result: `${statuses.join(' and ')}, ${runs} ran`, ok: runs === 1 };
      }),
  },
  {
    id: '6.1 7',
    defect: 'records in memory after 2000 that have expired at once',
    peer: NODE_IDEMPOTENCY,
    observe: async () => {
      const [theirs, ours] = [new MemoryStorageAdapter(), new InMemoryIdempotencyStore()];
      const fill = async (prefix: string): Promise<void> => {
        for (let i = 0; i < 1_000; i += 1) {
          await theirs.setIfNotExists(`${prefix}${i}`, '{}', { ttl: 1 });
          const id = `${prefix}${i}`;
          await ours.claim({ id, name: 'n', fingerprint: undefined, token: id, lockTtlMs: 1 });
        }
        await elapse(5);
      };
      await fill('old-');
      await fill('new-');
      const { size } = (theirs as unknown as { cache: Map<string, unknown> }).cache;
      return { peerResult: `${size}`, ours: `${ours.size}`, ok: ours.size < 1_000 };
    },
  },
  {
    id: '6.1 9',
    defect: 'forRootAsync({ useFactory })',
    peer: NODE_IDEMPOTENCY,
    observe: async () => {
      const useFactory = async () => ({ namespace: 'bench' });
      const ours = await outcomeOf(started(() => IdempotencyModule.forRootAsync({ useFactory })));
      const theirs = started(() => NodeIdempotencyModule.forRootAsync({ useFactory } as never));
      return { peerResult: await outcomeOf(theirs), ours, ok: ours === '"started"' };
    },
  },
  {
    id: 'W 14',
    defect: 'keys of callers are readable in the store',
    peer: NODE_IDEMPOTENCY,
    observe: async (ground) => {
      const readable = async (app: ReturnType<typeof appWithOurs | typeof appWithTheirs>) => {
        const secret = randomUUID();
        const http = await openHttp(app);
        await thenClose(http.post('/orders', { key: secret, body: { amount: 1 } }), http.close);
        const keys = await ground.redis.keys(`*${ground.mark}*`);
        return keys.some((key) => key.includes(secret)) ? 'readable' : 'not readable';
      };
      const ours = await readable(appWithOurs(ground));
      const peerResult = await readable(appWithTheirs(ground));
      return { peerResult, ours, ok: ours === 'not readable' };
    },
  },
];

async function started(module: () => ReturnType<typeof IdempotencyModule.forRoot>) {
  class Root {}
  const app = await NestFactory.createApplicationContext(
    { module: Root, imports: [module()] },
    { logger: false, abortOnError: false },
  );
  await app.close();
  return 'started';
}
