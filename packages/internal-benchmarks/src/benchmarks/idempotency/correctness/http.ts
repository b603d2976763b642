import { ClassSerializerInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Idempotency } from '@node-idempotency/core';
import { MemoryStorageAdapter } from '@node-idempotency/storage-adapter-memory';
import { waitFor } from '../../../measure/wait-for.js';
import type { Answer } from '../http-app.js';
import { withoutSecret } from './orders.js';
import { onBoth, type PairSetup, type Shown, type Side } from './pair.js';
import { Gate, isSuccess, NODE_IDEMPOTENCY, outcomeOf, shown, type Scenario } from './scenario.js';

const of = (
  id: string,
  defect: string,
  act: (side: Side) => Promise<Shown>,
  setup: PairSetup = {},
): Scenario => ({ id, defect, peer: NODE_IDEMPOTENCY, observe: () => onBoth(setup, act) });

const KEY = 'one-key';

/** Calls a path twice and shows the duplicate. */
async function twice(side: Side, path: string) {
  const first = await side.post(`/${path}`, { key: KEY });
  const duplicate = await side.post(`/${path}`, { key: KEY });
  return { first, duplicate, runs: side.runs(path) };
}

/** As class-transformer does it, also with a promise. */
const transformed = (value: unknown): unknown =>
  value instanceof Promise ? value.then(withoutSecret) : withoutSecret(value);

/**
 * Nest's own serializer with a transformer that knows one class. Not class-transformer: once it is in the workspace, every
 * Nest in it has it, and what our users lack is no longer missing in our tests.
 */
const serializing: PairSetup = {
  configure: (app) =>
    app.useGlobalInterceptors(
      new ClassSerializerInterceptor(app.get(Reflector), {
        transformerPackage: {
          classToPlain: transformed,
          instanceToPlain: transformed,
          plainToClass: (_: unknown, value: unknown) => value,
          plainToInstance: (_: unknown, value: unknown) => value,
        } as never,
      }),
    ),
};

export const httpScenarios: readonly Scenario[] = [
  of('6.1 1', 'duplicate of a handler that returns nothing', async (side) => {
    const { duplicate, runs } = await twice(side, 'void');
    return { result: shown(duplicate, runs), ok: isSuccess(duplicate) && runs === 1 };
  }),
  of(
    '6.1 2',
    'a replay shows what the serializer leaves out',
    async (side) => {
      const { first, duplicate } = await twice(side, 'entity');
      return {
        result: `first ${first.text}, replay ${duplicate.text}`,
        ok: isSuccess(duplicate) && duplicate.text === first.text && !first.text.includes('secret'),
      };
    },
    serializing,
  ),
  of('6.1 3', 'duplicate of a StreamableFile', async (side) => {
    const { first, duplicate, runs } = await twice(side, 'file');
    return {
      result: `${shown(duplicate, runs)}: ${told(duplicate)}`,
      ok: first.text === 'the file' && runs === 1 && refusedForGood(duplicate),
    };
  }),
  of('6.1 5', 'duplicate of a Node stream counts as running until the ttl', async (side) => {
    const { duplicate, runs } = await twice(side, 'stream');
    return {
      result: `${shown(duplicate, runs)}: ${told(duplicate)}`,
      ok: runs === 1 && refusedForGood(duplicate),
    };
  }),
  of('6.1 8', 'fields of the body in another order', async (side) => {
    await side.post('/plain', { key: KEY, body: { a: 1, b: 2 } });
    const duplicate = await side.post('/plain', { key: KEY, body: { b: 2, a: 1 } });
    const runs = side.runs('plain');
    return { result: shown(duplicate, runs), ok: isSuccess(duplicate) && runs === 1 };
  }),
  of('6.1 8', 'the query string makes it another key', async (side) => {
    await side.post('/plain?page=1', { key: KEY });
    const duplicate = await side.post('/plain?page=2', { key: KEY });
    const runs = side.runs('plain');
    return { result: shown(duplicate, runs), ok: duplicate.status === 422 && runs === 1 };
  }),
  of('6.1 8', 'another body while the first call runs', async (side) => {
    side.gate = new Gate();
    const first = side.post('/slow', { key: KEY, body: { n: 1 } });
    await waitFor(() => side.runs('slow') === 1, 'the first call to run');
    const other = await side.post('/slow', { key: KEY, body: { n: 2 } });
    side.gate.open();
    await first;
    return { result: shown(other, side.runs('slow')), ok: other.status === 422 };
  }),
  {
    id: '6.1 8',
    defect: 'the error code of a missing key',
    peer: '@node-idempotency/core',
    observe: async () => {
      const theirs = new Idempotency(new MemoryStorageAdapter(), { enforceIdempotency: true });
      const call = { headers: {}, path: '/plain', method: 'POST', body: {} };
      const { ours, ok } = await onBoth({}, async (side) => {
        const { text } = await side.post('/plain', {});
        const { code = 'none' } = JSON.parse(text) as { code?: string };
        return { result: code, ok: code === 'IDEMPOTENCY_KEY_REQUIRED' };
      });
      return { peerResult: await outcomeOf(theirs.onRequest(call)), ours, ok };
    },
  },
  of('W 8', 'by default, a call without a key runs unprotected', async (side) => {
    const answer = await side.post('/plain', {});
    const runs = side.runs('plain');
    return { result: shown(answer, runs), ok: answer.status === 400 && runs === 0 };
  }),
];

/** Refused with what the matter is, not with "come again in a second". */
const refusedForGood = ({ status, text }: Answer): boolean =>
  status === 409 && text.includes('IDEMPOTENCY_REPLY_NOT_KEPT');

/** The code or the message of an answer; of one that has neither, how it begins. */
function told({ text }: Answer): string {
  const { code, message } = JSON.parse(text) as { code?: string; message?: string };
  return code ?? message ?? text.slice(0, 40);
}
