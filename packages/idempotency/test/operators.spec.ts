import 'reflect-metadata';
import { Injectable, Module, type Type } from '@nestjs/common';
import { openContext } from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyInfo,
  IdempotencyModule,
  IdempotencyService,
  InMemoryIdempotencyStore,
  type IdempotencyModuleOptions,
} from '@acme/nest-idempotency';
import { beforeEach, describe, expect, it } from 'vitest';
import { Gate } from './support/ledger.js';

let store: InMemoryIdempotencyStore;
let fast: InMemoryIdempotencyStore;

beforeEach(() => {
  store = new InMemoryIdempotencyStore();
  fast = new InMemoryIdempotencyStore();
});

@Injectable()
class Jobs {
  runs = 0;
  infos: (IdempotencyInfo | undefined)[] = [];

  @Idempotent({ keyFrom: { payload: 'id' }, store: 'fast', required: false })
  async run(_job: { id?: string }, _note?: string, @IdempotencyInfo() info?: IdempotencyInfo) {
    this.runs += 1;
    this.infos.push(info);
  }
}

const open = async (options: Partial<IdempotencyModuleOptions> = {}, provider?: Type) => {
  @Module({
    imports: [IdempotencyModule.forRoot({ namespace: 'ops', store, stores: { fast }, ...options })],
    providers: provider ? [provider] : [],
  })
  class Root {}
  const { app, log } = await openContext(Root);
  return { app, log, service: app.get(IdempotencyService) };
};

const owner = { name: 'job' };

describe('an operator', () => {
  it('sees a record while it runs and when it is done, and makes its key free again', async () => {
    const { service } = await open();
    const [gate, inside] = [new Gate(), new Gate()];
    const first = service.run(
      'k',
      async () => {
        inside.open();
        await gate.passed;
        return 'first';
      },
      owner,
    );
    await inside.passed;
    expect(await service.inspect('k', owner)).toMatchObject({ state: 'running', name: 'job' });
    expect(await service.forget('k', owner)).toBe(false);
    gate.open();
    await first;
    const record = await service.inspect('k', owner);
    expect(record).toMatchObject({ state: 'done', attempt: 1, lockedUntil: undefined });
    expect(await service.release('k', owner)).toBe(false);
    expect(await service.forget('k', { name: 'another' })).toBe(false);
    expect(await service.forget('k', owner)).toBe(true);
    expect(await service.inspect('k', owner)).toBeUndefined();
    expect(await service.run('k', async () => 'second', owner)).toBe('second');
  });

  it('is told what is missing', async () => {
    const { service } = await open();
    const bare = service as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    for (const [method, ...args] of [
      ['run', 'k', async () => 1],
      ['runBatch', [], String, async () => {}],
      ['inspect', 'k'],
      ['forget', 'k'],
      ['release', 'k'],
    ] as const)
      await expect(bare[method]!(...args)).rejects.toThrow(/^Idempotency .*\n- name: missing\./);
  });

  it('takes a key from a runner that is dead, and its outcome never counts', async () => {
    const { service } = await open();
    const other = await open();
    const [gate, inside] = [new Gate(), new Gate()];
    const dead = service.run('k', () => (inside.open(), gate.passed.then(() => 'dead')), owner);
    await inside.passed;
    expect(await other.service.release('k', owner)).toBe(true);
    expect(await other.service.run('k', async () => 'heir', owner)).toBe('heir');
    gate.open();
    expect(await dead).toBe('dead');
    expect(await other.service.run('k', async () => 'third', owner)).toBe('heir');
  });

  it('purges what has expired, in the store that is named', async () => {
    const { service } = await open();
    await service.run('k', async () => 1, { ...owner, store: 'fast', ttl: 1 });
    await new Promise((resolve) => setImmediate(resolve));
    let purged = 0;
    while (purged === 0) purged = await service.purge({ store: 'fast' });
    expect([purged, fast.size]).toEqual([1, 0]);
    expect(await service.purge()).toBe(0);
    await expect(service.purge({ store: 'slow' })).rejects.toThrow(
      /store: there is none with the name "slow"\. Known are fast\./,
    );
  });
});

describe('named stores', () => {
  it('keep what handlers and code ask for', async () => {
    const { app, service } = await open({}, Jobs);
    await app.get(Jobs).run({ id: 'a' });
    await service.run('a', async () => 1, { ...owner, store: 'fast' });
    await service.run('a', async () => 1, owner);
    expect([store.size, fast.size]).toEqual([1, 2]);
    await service.run('a', async () => expect.unreachable(), { ...owner, store: 'fast' });
  });

  it.each([
    [{ stores: {} }, /Jobs\.run: store: there is none with the name "fast"\. Name it in/],
    [{ stores: { fast: {} as never } }, /stores\.fast: an object is no store/],
    [{ stores: { default: new InMemoryIdempotencyStore() } }, /stores\.default: "default" is the/],
  ])('that are none are refused at boot: %o', async (options, problem) => {
    await expect(open(options, Jobs)).rejects.toThrow(problem);
  });
});

describe('@IdempotencyInfo()', () => {
  it('gives the claim to the parameter it stands at, also where nobody passes that', async () => {
    const { app } = await open({}, Jobs);
    const jobs = app.get(Jobs);
    await jobs.run({ id: 'x' });
    await jobs.run({ id: 'x' }, 'note');
    expect(jobs.infos).toEqual([
      expect.objectContaining({
        id: expect.stringMatching(/^[0-9a-f]{64}$/),
        key: 'x',
        attempt: 1,
      }),
    ]);
    expect(jobs.infos[0]!.deriveKey('card')).toMatch(/^[0-9a-f]{64}$/);
  });

  it('gives the key to a piece of code, too', async () => {
    const { service } = await open();
    const key = await service.run(17, async () => IdempotencyInfo.current()?.key, owner);
    expect(key).toBe('17');
  });

  it('gives nothing where a call runs without a claim, whatever was passed', async () => {
    const { app, service } = await open({}, Jobs);
    const jobs = app.get(Jobs);
    await service.run('outer', () => jobs.run({}, 'note', {} as IdempotencyInfo), owner);
    expect(jobs.infos).toEqual([undefined]);
  });
});

describe('defaults', () => {
  it('go from the handler to its kind of call to all', async () => {
    const { service } = await open({ ttl: '1h', defaults: { method: { ttl: '2h' } } });
    const ttlOf = async (key: string, own: { ttl?: '3h' } = {}): Promise<number> => {
      await service.run(key, async () => 1, { ...owner, ...own });
      const { createdAt, expiresAt } = (await service.inspect(key, owner))!;
      return Math.round((expiresAt.getTime() - createdAt.getTime()) / 3_600_000);
    };
    expect([await ttlOf('a'), await ttlOf('b', { ttl: '3h' })]).toEqual([2, 3]);
  });

  it.each([
    [{ defaults: { htp: {} } }, 'defaults.htp: there is no such kind of call. Known are http'],
    [{ defaults: { http: { ttl: 'soon' } } }, 'defaults.http.ttl: "soon" is no duration'],
    [
      { defaults: { http: { namespace: 'x' } } },
      'defaults.http.namespace: there is no such option',
    ],
    [{ waitTimeout: '25d' }, 'waitTimeout: "25d" is longer than a timer can be'],
    [{ purge: { every: '10ms' } }, 'purge.every: "10ms" cannot be used'],
    [{ purge: { limit: 0 } }, 'purge.limit: 0 is no count'],
    [{ maxAttempts: 0 }, 'maxAttempts: 0 is no count. Give 1 or more, or false.'],
    [{ onStoreError: 'ignore' }, 'onStoreError: "ignore" is none'],
    [{ storeIf: 422 }, 'storeIf: 422 is no function'],
    [{ lockTtl: '1m', maxLockHold: '30s' }, 'maxLockHold: "30s" is shorter than lockTtl, "1m"'],
  ])('that are none are refused: %o', async (options, problem) => {
    await expect(open(options as never)).rejects.toMatchObject({
      problems: [expect.stringContaining(problem)],
    });
  });
});

describe('a store that cannot be asked', () => {
  class Down extends InMemoryIdempotencyStore {
    override claim(): Promise<never> {
      return Promise.reject(new Error('connection refused'));
    }
  }

  it('lets a call run without protection where that is said, with a warning each time', async () => {
    const { service, log } = await open({ store: new Down(), onStoreError: 'open' });
    expect(await service.run('k', async () => 1, owner)).toBe(1);
    expect(await service.run('k', async () => 2, owner)).toBe(2);
    const warnings = log.messages('warn').filter((text) => text.includes('without protection'));
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain('connection refused');
  });

  it('but not where it has said that another call runs it', async () => {
    const flaky = new InMemoryIdempotencyStore();
    const { service } = await open({ store: flaky, onStoreError: 'open', waitTimeout: '5s' });
    const other = await open({ store: flaky });
    const [gate, inside] = [new Gate(), new Gate()];
    const first = other.service.run('k', () => (inside.open(), gate.passed), owner);
    await inside.passed;
    const claim = flaky.claim.bind(flaky);
    let looks = 0;
    flaky.claim = (request) =>
      ++looks === 1 ? claim(request) : Promise.reject(new Error('connection refused'));
    const duplicate = service.run('k', async () => expect.unreachable(), owner);
    await expect(duplicate).rejects.toMatchObject({ code: 'IDEMPOTENCY_STORE_UNAVAILABLE' });
    expect(looks).toBe(2);
    gate.open();
    await first;
  });

  it('and that alone: an error inside the call is its own', async () => {
    const { service } = await open({ stores: { down: new Down() }, onStoreError: 'open' });
    let runs = 0;
    const failing = service.run(
      'k',
      async () => {
        runs += 1;
        await service.run('inner', async () => 1, {
          ...owner,
          store: 'down',
          onStoreError: 'closed',
        });
      },
      owner,
    );
    await expect(failing).rejects.toMatchObject({ code: 'IDEMPOTENCY_STORE_UNAVAILABLE' });
    expect(runs).toBe(1);
  });
});
