import 'reflect-metadata';
import { BadRequestException, Module } from '@nestjs/common';
import { openContext, waitFor } from '@acme/internal-testing';
import {
  IdempotencyInfo,
  IdempotencyModule,
  IdempotencyService,
  InMemoryIdempotencyStore,
  type IdempotencyModuleOptions,
} from '@acme/nest-idempotency';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Gate } from './support/ledger.js';

/** A store whose answers can be held up, after it has done what it was asked. */
class SlowStore extends InMemoryIdempotencyStore {
  claims = 0;
  releases = 0;
  answers: Promise<unknown> = Promise.resolve();

  override async claim(...args: Parameters<InMemoryIdempotencyStore['claim']>) {
    this.claims += 1;
    const claim = await super.claim(...args);
    await this.answers;
    return claim;
  }

  override async release(...args: Parameters<InMemoryIdempotencyStore['release']>) {
    this.releases += 1;
    return super.release(...args);
  }
}

let store: SlowStore;
let gate: Gate;

beforeEach(() => {
  // Asked anew each time, so that a clock that a test has faked counts.
  store = new SlowStore(() => Date.now());
  gate = new Gate();
});

afterEach(() => {
  vi.useRealTimers();
});

const open = async (options: Partial<IdempotencyModuleOptions> = {}) => {
  @Module({ imports: [IdempotencyModule.forRoot({ namespace: 'lease', store, ...options })] })
  class Root {}
  const { app, log } = await openContext(Root);
  const service = app.get(IdempotencyService);
  const run = <R>(fn: () => Promise<R>, fingerprint?: unknown): Promise<R> =>
    service.run('key', fn, { name: 'job', fingerprint });
  return { app, run, log };
};

const codeOf = (running: Promise<unknown>): Promise<unknown> =>
  running.catch(({ code }: { code?: unknown }) => code);

it('calls a store that throws where it should reject unavailable, too', async () => {
  const { run } = await open();
  const broken = store as unknown as { claim: () => never };
  broken.claim = () => {
    throw new TypeError('no connection');
  };
  const running = run(async () => 'not run');
  await expect(running).rejects.toMatchObject({
    code: 'IDEMPOTENCY_STORE_UNAVAILABLE',
    cause: new TypeError('no connection'),
  });
});

it('replays what is done to duplicates that come at once, also where none of them may wait', async () => {
  const { run } = await open({ waitTimeout: 0 });
  expect(await run(async () => 'first')).toBe('first');
  store.answers = gate.passed;
  const duplicates = Promise.all([1, 2, 3].map(() => run(async () => 'again')));
  await waitFor(() => store.claims === 2);
  gate.open();
  expect(await duplicates).toEqual(['first', 'first', 'first']);
  expect(store.claims).toBe(2);
});

it('holds a duplicate against what was recorded, not against another duplicate', async () => {
  const { run } = await open();
  await run(async () => 'first', 'request');
  store.answers = gate.passed;
  const other = codeOf(run(async () => 'other', 'another request'));
  await waitFor(() => store.claims === 2);
  const same = run(async () => 'again', 'request');
  gate.open();
  expect(await other).toBe('IDEMPOTENCY_KEY_REUSED');
  expect(await same).toBe('first');
});

it('refuses a key that comes again for something else while the first call runs', async () => {
  const { run } = await open({ waitTimeout: 0 });
  const first = run(() => gate.passed, 'request');
  await waitFor(() => store.claims === 1);
  expect(await codeOf(run(async () => {}, 'another request'))).toBe('IDEMPOTENCY_KEY_REUSED');
  expect(await codeOf(run(async () => {}, 'request'))).toBe('IDEMPOTENCY_KEY_IN_USE');
  gate.open();
  await first;
});

it('refuses it also while it waits for a call that runs elsewhere', async () => {
  const [here, elsewhere] = [await open(), await open()];
  const first = elsewhere.run(() => gate.passed.then(() => 'first'), 'request');
  await waitFor(() => store.claims === 1);
  const waiting = here.run(async () => 'again', 'request');
  await waitFor(() => store.claims >= 2);
  expect(await codeOf(here.run(async () => 'other', 'another request'))).toBe(
    'IDEMPOTENCY_KEY_REUSED',
  );
  gate.open();
  expect([await first, await waiting]).toEqual(['first', 'first']);
});

it('does not let the duplicates of a store that hangs wait for one another', async () => {
  const { run } = await open({ waitTimeout: 0, storeTimeout: '20ms' });
  store.answers = gate.passed;
  const codes = await Promise.all([1, 2, 3, 4, 5].map(() => codeOf(run(async () => 1))));
  expect(store.claims).toBeLessThanOrEqual(2);
  expect(new Set(codes)).toEqual(
    new Set(['IDEMPOTENCY_STORE_UNAVAILABLE', 'IDEMPOTENCY_KEY_IN_USE']),
  );
  gate.open();
});

it('gives back a claim that was granted when nobody waited for it any more', async () => {
  const { run } = await open({ storeTimeout: '20ms' });
  store.answers = gate.passed;
  expect(await codeOf(run(async () => 1))).toBe('IDEMPOTENCY_STORE_UNAVAILABLE');
  expect(store.releases).toBe(0);
  gate.open();
  await waitFor(() => store.releases === 1);
  expect(await run(async () => 2)).toBe(2);
});

it('takes no second look at an answer that comes when nobody waits and the lease is over', async () => {
  const { run } = await open({ storeTimeout: '20ms', lockTtl: '30ms' });
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  vi.useFakeTimers();
  store.answers = gate.passed;
  const refused = codeOf(run(async () => 1));
  await vi.advanceTimersByTimeAsync(60);
  expect(await refused).toBe('IDEMPOTENCY_STORE_UNAVAILABLE');
  gate.open();
  vi.useRealTimers();
  await waitFor(() => store.releases > 0);
  // Node tells of what nobody has caught once it has nothing else to do.
  await new Promise((idle) => setImmediate(() => setImmediate(idle)));
  process.off('unhandledRejection', note);
  expect([unhandled, store.releases]).toEqual([[], 1]);
});

it('settles no more when the first answer fails after it was not waited for', async () => {
  const { run } = await open({ storeTimeout: '20ms' });
  let settlements = 0;
  const settle = store.settle.bind(store);
  let fail!: (error: Error) => void;
  store.settle = (...args) => {
    settlements += 1;
    return settlements === 1 ? new Promise((_, reject) => (fail = reject)) : settle(...args);
  };
  vi.useFakeTimers();
  const running = run(async () => 'done');
  await vi.advanceTimersByTimeAsync(100);
  expect(await running).toBe('done');
  fail(new Error('late'));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(settlements).toBe(2);
});

it('runs nothing when the claim took longer than the lease: it may be somebody else’s by now', async () => {
  const { run, log } = await open({ lockTtl: '30ms' });
  vi.useFakeTimers();
  store.answers = gate.passed;
  let runs = 0;
  const late = codeOf(run(async () => (runs += 1)));
  await vi.advanceTimersByTimeAsync(30);
  gate.open();
  expect(await late).toBe('IDEMPOTENCY_STORE_UNAVAILABLE');
  expect([runs, store.releases]).toEqual([0, 1]);
  expect(log.messages('error').join()).toContain('took longer than lockTtl, 30 ms');
});

it('lets this process, too, run again what hangs beyond maxLockHold', async () => {
  const { run } = await open({ lockTtl: '30ms', maxLockHold: '40ms' });
  vi.useFakeTimers();
  let lost: AbortSignal | undefined;
  const hanging = run(async () => {
    lost = IdempotencyInfo.current()!.signal;
    await gate.passed;
    return 'late';
  });
  const next = run(async () => 'next');
  await vi.advanceTimersByTimeAsync(40);
  expect(lost!.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(10);
  expect(lost!.aborted).toBe(true);
  // Until the lease has run out in the store as well, and the next look at it.
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await next).toBe('next');
  gate.open();
  expect(await hanging).toBe('late');
  expect(await run(async () => 'again')).toBe('next');
});

it('renews nothing any more when the call, or the batch, has ended', async () => {
  const { app, run } = await open({ lockTtl: '30ms' });
  let renewals = 0;
  store.extend = async () => {
    renewals += 1;
    return 'held';
  };
  vi.useFakeTimers();
  const service = app.get(IdempotencyService);
  const failing = (): Promise<never> => Promise.reject(new Error('failed'));
  const batch = { name: 'batch' };
  await run(async () => 1);
  await service.run('failing', failing, batch).catch(() => {});
  await service.runBatch(
    ['a', 'b'],
    (key) => key,
    async () => {},
    batch,
  );
  await service.runBatch(['c'], (key) => key, failing, batch).catch(() => {});
  await vi.advanceTimersByTimeAsync(1_000);
  expect([renewals, vi.getTimerCount()]).toEqual([0, 0]);
});

it('tells the function of a batch as soon as the claim of any item is lost', async () => {
  const { app } = await open({ lockTtl: '30ms', maxLockHold: '40ms' });
  vi.useFakeTimers();
  let reason: unknown;
  const work = async (_: string[], signal: AbortSignal): Promise<void> => {
    signal.addEventListener('abort', () => (reason = signal.reason));
    await gate.passed;
  };
  const service = app.get(IdempotencyService);
  const running = service.runBatch(['a', 'b'], (key) => key, work, { name: 'batch' });
  await vi.advanceTimersByTimeAsync(50);
  expect(reason).toMatchObject({ code: 'IDEMPOTENCY_LEASE_LOST' });
  gate.open();
  await running;
});

it('counts an item of a batch as done whose result is refused', async () => {
  const { app } = await open();
  let runs = 0;
  const serialize = (result: unknown): unknown => {
    if (result === 'a') throw new Error('no such form');
    return result;
  };
  const run = () =>
    app.get(IdempotencyService).runBatch(
      ['a', 'b'],
      (key) => key,
      async (keys) => {
        runs += 1;
        return keys;
      },
      { name: 'batch', serialize },
    );
  await expect(run()).rejects.toThrow('no such form');
  expect(await run()).toMatchObject([{ state: 'unkept' }, { state: 'replayed', value: 'b' }]);
  expect(runs).toBe(1);
});

it('keeps no refusal of another key for an error of the function, whatever storeIf says', async () => {
  const { app } = await open({ storeIf: () => true });
  const service = app.get(IdempotencyService);
  const inner = (fingerprint: string) =>
    service.run('inner', async () => 1, { name: 'inner', fingerprint });
  await inner('one');
  let runs = 0;
  const outer = () =>
    codeOf(
      service.run(
        'outer',
        async () => {
          runs += 1;
          return inner('another');
        },
        { name: 'outer' },
      ),
    );
  expect([await outer(), await outer(), runs]).toEqual([
    'IDEMPOTENCY_KEY_REUSED',
    'IDEMPOTENCY_KEY_REUSED',
    2,
  ]);
});

it('gives duplicates no outcome that does not stand', async () => {
  const { run, log } = await open({ waitTimeout: '50ms' });
  store.settle = async () => 'lost';
  const first = run(() => gate.passed.then(() => 'first'));
  const duplicate = codeOf(run(async () => 'again'));
  await waitFor(() => store.claims === 1);
  gate.open();
  expect([await first, await duplicate]).toEqual(['first', 'IDEMPOTENCY_KEY_IN_USE']);
  expect(log.messages('error').join()).toContain('its claim is lost');
});

it('names whose claim could not be given back, why, and for how long it stands', async () => {
  const { run, log } = await open({ lockTtl: '7s' });
  store.release = () => Promise.reject(new Error('READONLY'));
  await expect(run(() => Promise.reject(new Error('handler')))).rejects.toThrow('handler');
  expect(log.messages('warn')).toEqual([
    expect.stringMatching(/^job: the claim [0-9a-f]{64} .*\(READONLY\).*7000 ms at most/),
  ]);
});

it('looks once for every notice, however often the key changes hands meanwhile', async () => {
  const [here, elsewhere] = [await open(), await open()];
  const first = elsewhere.run(() => gate.passed.then(() => 'first'));
  await waitFor(() => store.claims === 1);
  let tell!: () => void;
  store.subscribe = async (_, ended) => {
    tell = ended;
    return () => {};
  };
  const claim = store.claim.bind(store);
  store.claim = async (request) => {
    if (store.claims > 20) throw new Error('it asks for ever');
    return claim(request);
  };
  const waiting = here.run(async () => 'again');
  // Once by itself, once when it has begun to listen.
  await waitFor(() => store.claims === 3);
  tell();
  await waitFor(() => store.claims === 4);
  gate.open();
  await first;
  expect(store.claims).toBe(4);
  tell();
  expect(await waiting).toBe('first');
  expect(store.claims).toBe(5);
});

it('does not listen on when it could begin to only after it had given up', async () => {
  const [here, elsewhere] = [await open({ waitTimeout: '20ms' }), await open()];
  const [listens, inside] = [new Gate(), new Gate()];
  const first = elsewhere.run(async () => {
    inside.open();
    await gate.passed;
  });
  await inside.passed;
  let stopped = 0;
  store.subscribe = async () => {
    await listens.passed;
    return () => (stopped += 1);
  };
  expect(await codeOf(here.run(async () => {}))).toBe('IDEMPOTENCY_KEY_IN_USE');
  listens.open();
  await waitFor(() => stopped === 1);
  gate.open();
  await first;
});

it('keeps what happened when the result is refused, whatever storeIf says of the refusal', async () => {
  const { app } = await open({ storeIf: () => true });
  const options = {
    name: 'refused',
    serialize: () => {
      throw new BadRequestException('no such form');
    },
  };
  const run = (): Promise<unknown> =>
    codeOf(app.get(IdempotencyService).run('refused', async () => 1, options));
  await run();
  expect(await run()).toBe('IDEMPOTENCY_REPLY_NOT_KEPT');
});
