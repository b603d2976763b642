import type { IdempotencyStore } from '@acme/nest-idempotency';
import { InMemoryIdempotencyStore } from '@acme/nest-idempotency';
import { idempotency } from 'express-idempotency';
import { MemoryStorageAdapter } from '@node-idempotency/storage-adapter-memory';
import type { INestApplication } from '@nestjs/common';
import { openHttp } from '../http-app.js';
import { ordersUnder } from './orders.js';
import { onBoth } from './pair.js';
import {
  EXPRESS_IDEMPOTENCY,
  isSuccess,
  NODE_IDEMPOTENCY,
  shown,
  type Scenario,
} from './scenario.js';

const KEY = 'one-key';

export const failureScenarios: readonly Scenario[] = [
  {
    id: '6.1 4',
    defect: 'a failure of a moment is replayed until the ttl',
    peer: NODE_IDEMPOTENCY,
    observe: () =>
      onBoth({}, async (side) => {
        await side.post('/flaky', { key: KEY });
        const repetition = await side.post('/flaky', { key: KEY });
        const runs = side.runs('flaky');
        return { result: shown(repetition, runs), ok: isSuccess(repetition) && runs === 2 };
      }),
  },
  {
    id: '1a',
    defect: 'the store fails once, when the outcome is recorded',
    peer: NODE_IDEMPOTENCY,
    observe: () =>
      onBoth(
        { ours: { store: failsOnce() }, theirs: { storage: { adapter: theirsFailsOnce() } } },
        async (side) => {
          const first = await side.post('/plain', { key: KEY });
          const duplicate = await side.post('/plain', { key: KEY });
          const runs = side.runs('plain');
          return {
            result: `first ${first.status}, duplicate ${shown(duplicate, runs)}`,
            ok: isSuccess(first) && isSuccess(duplicate) && runs === 1,
          };
        },
      ),
  },
  {
    id: '6.1 14',
    defect: 'the handler runs again after the replay is sent',
    peer: EXPRESS_IDEMPOTENCY,
    observe: async () => {
      const { ours, ok } = await onBoth({}, async (side) => {
        await side.post('/plain', { key: KEY });
        const duplicate = await side.post('/plain', { key: KEY });
        const runs = side.runs('plain');
        return { result: shown(duplicate, runs), ok: duplicate.replayed && runs === 1 };
      });
      return { peerResult: await underExpressIdempotency(), ours, ok };
    },
  },
];

function failsOnce(): IdempotencyStore {
  const store = new InMemoryIdempotencyStore();
  const settle = store.settle.bind(store);
  let failures = 0;
  store.settle = async (...args) => {
    if (failures++ === 0) throw new Error('The store is away for a moment.');
    return settle(...args);
  };
  return store;
}

function theirsFailsOnce(): MemoryStorageAdapter {
  const store = new MemoryStorageAdapter();
  const set = store.set.bind(store);
  let failures = 0;
  store.set = async (...args) => {
    if (failures++ === 0) throw new Error('The store is away for a moment.');
    return set(...args);
  };
  return store;
}

async function underExpressIdempotency(): Promise<string> {
  const orders = ordersUnder(() => () => {});
  const middleware = (app: INestApplication): void => void app.use(idempotency());
  class Root {}
  const http = await openHttp({ module: Root, controllers: [orders.controller] }, middleware);
  try {
    await http.post('/plain', { key: KEY });
    const duplicate = await http.post('/plain', { key: KEY });
    return shown(duplicate, orders.runs('plain'));
  } finally {
    await http.close();
  }
}
