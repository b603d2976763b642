import 'reflect-metadata';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Readable } from 'node:stream';
import { BadRequestException, Injectable, Module } from '@nestjs/common';
import { openContext, waitFor } from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyEvents,
  IdempotencyModule,
  IdempotencyService,
  InMemoryIdempotencyStore,
  type IdempotencyCallEvent,
  type IdempotencyEvent,
  type IdempotencyModuleOptions,
  type RunIdempotentOptions,
} from '@acme/nest-idempotency';
import { filter, map } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Gate } from './support/ledger.js';

/** A raw key that must stand in no event. */
const KEY = 'order-4711-of-somebody';

class Troubled extends InMemoryIdempotencyStore {
  down = false;
  forgets = false;

  override claim(...args: Parameters<InMemoryIdempotencyStore['claim']>) {
    return this.down ? Promise.reject(new Error(`no ${KEY}`)) : super.claim(...args);
  }

  override settle(...args: Parameters<InMemoryIdempotencyStore['settle']>) {
    return this.forgets ? Promise.resolve('lost' as const) : super.settle(...args);
  }

  override purge(limit: number) {
    return this.down ? Promise.reject(new RangeError('down')) : super.purge(limit);
  }
}

@Injectable()
class Jobs {
  @Idempotent({ name: 'jobs.keyed', keyFrom: ({ args }) => args[0], principal: whoIs })
  async keyed(_key: unknown): Promise<string> {
    return 'done';
  }

  @Idempotent({ name: 'jobs.maybe', keyFrom: ({ args }) => args[0], required: false })
  async maybe(_key?: string): Promise<string> {
    return 'done';
  }

  @Idempotent({ name: 'jobs.again', keyFrom: ({ args }) => args[0] })
  async again(key: string, depth: number): Promise<number> {
    return depth === 0 ? 0 : this.again(key, depth - 1);
  }
}

let principal: string;
function whoIs(): string {
  if (principal === 'unknown') throw new BadRequestException(`who sends ${KEY}?`);
  return principal;
}

let store: Troubled;
let gate: Gate;

beforeEach(() => {
  store = new Troubled(() => Date.now());
  gate = new Gate();
  principal = 'alice';
});

afterEach(() => {
  vi.useRealTimers();
});

const open = async (options: Partial<IdempotencyModuleOptions> = {}) => {
  @Module({
    imports: [IdempotencyModule.forRoot({ namespace: 'events', store, ...options })],
    providers: [Jobs],
  })
  class Root {}
  const { app, log, close } = await openContext(Root);
  const service = app.get(IdempotencyService);
  const seen: IdempotencyEvent[] = [];
  const { events$ } = app.get(IdempotencyEvents);
  events$.subscribe((event) => seen.push(event));
  const run = (
    fn: () => Promise<unknown>,
    own: Partial<RunIdempotentOptions> = {},
  ): Promise<unknown> =>
    service.run(KEY, fn, { name: 'job', ...own }).catch((error: unknown) => error);
  /** What there was, as `type`, or `type code`; and nothing in it tells the key. */
  const told = (): string[] => {
    expect(JSON.stringify(seen)).not.toContain(KEY);
    return seen.map(({ type, ...rest }) =>
      'errorCode' in rest && rest.errorCode ? `${type} ${rest.errorCode}` : type,
    );
  };
  return { app, service, jobs: app.get(Jobs), log, close, seen, events$, run, told };
};

class Nack {
  readonly requeue = true;
}

const done = async (): Promise<string> => 'done';
const finalError = { storeIf: (status: number) => status === 400 };

it('tells of a call that has run, and of its duplicate', async () => {
  const { run, seen, service } = await open();
  await run(done);
  await run(done);
  const [record] = [await service.inspect(KEY, { name: 'job' })];
  const common = {
    at: expect.any(Date) as Date,
    name: 'job',
    id: record!.id,
    kind: 'method',
    mode: 'lease',
    store: 'memory',
    attempt: 1,
    waited: false,
    durationMs: expect.any(Number) as number,
    errorCode: undefined,
  };
  expect(seen).toEqual([
    { type: 'executed', ...common },
    { type: 'replayed', ...common },
  ]);
});

describe('each call ends in one way', () => {
  it.each<[string, (opened: Awaited<ReturnType<typeof open>>) => Promise<unknown>, string[]]>([
    [
      'failed, and run again',
      async ({ run }) => {
        await run(() => Promise.reject(new BadRequestException(KEY)));
        await run(done);
      },
      ['failed BadRequestException', 'executed'],
    ],
    [
      'failed with a code, and one that is a message',
      async ({ run }) => {
        await run(() => Promise.reject(Object.assign(new Error(KEY), { code: '23505' })));
        await run(() => Promise.reject(Object.assign(new TypeError(KEY), { code: `no ${KEY}` })));
        await run(() => Promise.reject(KEY as unknown as Error));
      },
      ['failed 23505', 'failed TypeError', 'failed String'],
    ],
    [
      'an error that is kept, and said again',
      async ({ run }) => {
        await run(() => Promise.reject(new BadRequestException(KEY)), finalError);
        await run(done, finalError);
      },
      ['error_kept BadRequestException', 'replayed HttpException'],
    ],
    ['undone', async ({ run }) => run(async () => new Nack()), ['undone']],
    [
      'a reply that is too large, and a duplicate that has none',
      async ({ run }) => {
        await run(done, { maxReplySize: 1 });
        await run(done);
      },
      ['unkept', 'refused IDEMPOTENCY_REPLY_NOT_KEPT'],
    ],
    ['a stream', async ({ run }) => run(async () => Readable.from([])), ['unkept']],
    [
      'a result that is refused, and counts as done',
      async ({ run }) => {
        await run(async () => new (class Money {})());
        await run(done);
      },
      ['unkept IDEMPOTENCY_RESULT_NOT_PLAIN', 'refused IDEMPOTENCY_REPLY_NOT_KEPT'],
    ],
    [
      'a claim that is lost before the outcome is stored',
      async ({ run }) => {
        store.forgets = true;
        await run(done);
        store.forgets = false;
      },
      ['unrecorded'],
    ],
    [
      'another use of the key',
      async ({ run }) => {
        await run(done, { fingerprint: 1 });
        await run(done, { fingerprint: 2 });
      },
      ['executed', 'reused IDEMPOTENCY_KEY_REUSED'],
    ],
    [
      'a store that is down',
      async ({ run }) => {
        store.down = true;
        await run(done);
        await run(done, { onStoreError: 'open' });
        await run(() => Promise.reject(new TypeError(KEY)), { onStoreError: 'open' });
      },
      ['store_unavailable IDEMPOTENCY_STORE_UNAVAILABLE', 'unprotected', 'unprotected TypeError'],
    ],
    [
      'a wrong option, and no name',
      async ({ service }) => {
        await service.run(KEY, done, { name: 'job', lockTtl: 'soon' as never }).catch(() => {});
        await service.run(KEY, done, { name: '' }).catch(() => {});
        await service.run('', done, { name: 'job' }).catch(() => {});
      },
      [
        'refused IDEMPOTENCY_CONFIGURATION',
        'refused IDEMPOTENCY_CONFIGURATION',
        'refused IDEMPOTENCY_KEY_REQUIRED',
      ],
    ],
    [
      'methods, with and without what they need',
      async ({ jobs }) => {
        await jobs.keyed(KEY);
        await jobs.keyed(undefined).catch(() => {});
        await jobs.keyed(KEY.repeat(20)).catch(() => {});
        principal = '';
        await jobs.keyed(KEY).catch(() => {});
        principal = 'unknown';
        await jobs.keyed(KEY).catch(() => {});
        await jobs.maybe();
      },
      [
        'executed',
        'refused IDEMPOTENCY_KEY_REQUIRED',
        'refused IDEMPOTENCY_KEY_INVALID',
        'refused IDEMPOTENCY_PRINCIPAL_REQUIRED',
        'refused BadRequestException',
        'unkeyed',
      ],
    ],
    ['what runs under its own key', async ({ jobs }) => jobs.again(KEY, 2), ['executed']],
    [
      'what runs under another one',
      async ({ run, service }) => run(() => service.run(`${KEY}-2`, done, { name: 'part' })),
      ['executed', 'executed'],
    ],
  ])('%s', async (_, act, expected) => {
    const opened = await open();
    await act(opened);
    expect(opened.told()).toEqual(expected);
  });
});

it('tells who has waited', async () => {
  const { run, seen, told } = await open();
  const first = run(() => gate.passed);
  const waits = run(done);
  await run(done, { waitTimeout: 0 });
  await run(done, { waitTimeout: 5 });
  gate.open();
  await Promise.all([first, waits]);
  expect(told()).toEqual([
    'in_use IDEMPOTENCY_KEY_IN_USE',
    'in_use IDEMPOTENCY_KEY_IN_USE',
    'executed',
    'replayed',
  ]);
  expect(seen.map((event) => (event as IdempotencyCallEvent).waited)).toEqual([
    false,
    true,
    false,
    true,
  ]);
});

it('tells who has waited for another process', async () => {
  const [here, elsewhere] = [await open(), await open()];
  const inside = new Gate();
  const first = elsewhere.run(() => {
    inside.open();
    return gate.passed;
  });
  await inside.passed;
  const waits = here.run(done);
  await here.run(done, { name: 'another' });
  gate.open();
  await Promise.all([first, waits]);
  expect(here.seen).toMatchObject([
    { type: 'executed', name: 'another' },
    { type: 'replayed', waited: true },
  ]);
  // Each application tells of its own calls.
  expect(elsewhere.seen).toMatchObject([{ type: 'executed', name: 'job' }]);
});

it('tells once that a lease is lost, while its function runs', async () => {
  const { run, told, seen } = await open({ lockTtl: '30ms', maxLockHold: '40ms' });
  vi.useFakeTimers();
  const hanging = run(() => gate.passed);
  await vi.advanceTimersByTimeAsync(100);
  expect(told()).toEqual(['lease_lost']);
  await run(done);
  gate.open();
  await hanging;
  expect(told()).toEqual(['lease_lost', 'executed', 'unrecorded']);
  expect(new Set(seen.map((event) => (event as IdempotencyCallEvent).id)).size).toBe(1);
});

it('does not call a lease lost that is given up at the end of its call', async () => {
  const { run, told } = await open({ lockTtl: '30ms' });
  vi.useFakeTimers();
  const extending = vi.spyOn(store, 'extend').mockImplementation(async () => {
    await gate.passed;
    return 'lost';
  });
  const leave = new Gate();
  const running = run(() => leave.passed);
  await vi.advanceTimersByTimeAsync(10);
  expect(extending).toHaveBeenCalledTimes(1);
  leave.open();
  await running;
  gate.open();
  await vi.advanceTimersByTimeAsync(100);
  expect(told()).toEqual(['executed']);
});

it('tells what was purged, and what could not be', async () => {
  const { run, service, told, seen } = await open({ ttl: 1 });
  await service.purge();
  await run(done);
  const removed = await waitFor(() => service.purge());
  expect(seen.at(-1)).toMatchObject({ type: 'purged', store: 'memory', removed });
  store.down = true;
  await expect(service.purge()).rejects.toThrow('down');
  expect(told()).toEqual(['executed', 'purged', 'purge_failed RangeError']);
});

describe('of a batch', () => {
  const options = { name: 'job', fingerprint: (item: string) => item };
  const keyOf = (item: string): string => `${KEY}-${item[0]}`;

  it('tells what came of each item', async () => {
    const { service, seen } = await open();
    const running = service.run(keyOf('c'), () => gate.passed, { name: 'job' });
    const work = async (items: string[]): Promise<unknown[]> =>
      items.map((item) => (item === 'd' ? Readable.from([]) : item));
    await service.runBatch(['a', 'd'], keyOf, work, options);
    await service.runBatch(['a', 'a2', 'b', 'b', 'b2', 'c', 'd'], keyOf, work, options);
    gate.open();
    await running;
    expect(seen.map(({ type }) => type)).toEqual([
      ...['executed', 'unkept'],
      ...['replayed', 'reused', 'executed', 'replayed', 'reused', 'in_use', 'refused'],
      'executed',
    ]);
    const ids = seen.map((event) => (event as IdempotencyCallEvent).id);
    expect([ids[0], ids[1], ids[4]]).toEqual([ids[2], ids[8], ids[5]]);
    expect(JSON.stringify(seen)).not.toContain(KEY);
  });

  it('tells of those that its function was given when that fails', async () => {
    const { service, told } = await open();
    await service.runBatch(['a'], keyOf, async () => {}, options);
    const failing = async (): Promise<void> => Promise.reject(new TypeError(KEY));
    await service.runBatch(['a', 'b', 'c'], keyOf, failing, options).catch(() => {});
    expect(told()).toEqual(['executed', 'failed TypeError', 'failed TypeError']);
  });

  it('tells which results were refused, and that the others are done', async () => {
    const { service, told } = await open();
    const work = async (items: string[]): Promise<unknown[]> =>
      items.map((item) => (item === 'b' ? new (class Money {})() : item));
    await service.runBatch(['a', 'b', 'c'], keyOf, work, options).catch(() => {});
    expect(told()).toEqual(['executed', 'unkept IDEMPOTENCY_RESULT_NOT_PLAIN', 'executed']);
  });

  it('tells which outcomes could not be recorded', async () => {
    const { service, told } = await open();
    store.forgets = true;
    await service.runBatch(['a'], keyOf, async () => {}, options);
    expect(told()).toEqual(['unrecorded']);
  });

  it('tells of all items when the store is down, and of the batch when it is none', async () => {
    const { service, told } = await open();
    store.down = true;
    await service.runBatch(['a', 'b'], keyOf, async () => {}, options).catch(() => {});
    await service
      .runBatch(
        ['a', 'b'],
        () => '',
        async () => {},
        options,
      )
      .catch(() => {});
    expect(told()).toEqual([
      'store_unavailable IDEMPOTENCY_STORE_UNAVAILABLE',
      'store_unavailable IDEMPOTENCY_STORE_UNAVAILABLE',
      'refused IDEMPOTENCY_KEY_REQUIRED',
    ]);
  });
});

describe('subscribers', () => {
  it('may throw, also behind operators: calls and other subscribers go on', async () => {
    const { run, events$, told, log } = await open();
    events$.subscribe(() => {
      throw new Error('direct');
    });
    events$.pipe(filter(() => true)).subscribe({
      next: () => {
        throw new Error('behind');
      },
    });
    // An operator that throws ends its subscription, as anywhere.
    events$
      .pipe(
        map(() => {
          throw new Error('operator');
        }),
      )
      .subscribe();
    const later: string[] = [];
    events$.pipe(map(({ type }) => type)).subscribe((type) => later.push(type));
    expect([await run(done), await run(done)]).toEqual(['done', 'done']);
    expect(told()).toEqual(['executed', 'replayed']);
    expect(later).toEqual(['executed', 'replayed']);
    const failed = (what: string): string =>
      `A subscriber of IdempotencyEvents.events$ failed: ${what}`;
    expect(log.messages('error')).toEqual(
      ['direct', 'behind', 'operator', 'direct', 'behind'].map(failed),
    );
  });

  it('are told when the application has shut down', async () => {
    const { events$, close } = await open();
    let ended = false;
    events$.subscribe({ complete: () => (ended = true) });
    await close();
    expect(ended).toBe(true);
  });

  it('of channels hear of all applications, also where nobody subscribes to events$', async () => {
    const heard: unknown[] = [];
    const hear = (event: unknown, channel: string | symbol): void =>
      void heard.push([channel, (event as IdempotencyEvent).type]);
    subscribe('acme:idempotency:executed', hear);
    subscribe('acme:idempotency:replayed', hear);
    try {
      for (const _ of [1, 2]) {
        @Module({ imports: [IdempotencyModule.forRoot({ namespace: 'channels', store })] })
        class Root {}
        const { app } = await openContext(Root);
        await app.get(IdempotencyService).run(KEY, done, { name: 'job' });
      }
    } finally {
      unsubscribe('acme:idempotency:executed', hear);
      unsubscribe('acme:idempotency:replayed', hear);
    }
    expect(heard).toEqual([
      ['acme:idempotency:executed', 'executed'],
      ['acme:idempotency:replayed', 'replayed'],
    ]);
  });
});
