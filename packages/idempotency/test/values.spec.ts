import 'reflect-metadata';
import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable, Module } from '@nestjs/common';
import { openContext } from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyInfo,
  IdempotencyModule,
  IdempotencyService,
  InMemoryIdempotencyStore,
  isIdempotencyError,
} from '@acme/nest-idempotency';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

let service: IdempotencyService;
let comparing: Comparing;
let last = 0;
let key: string;

@Injectable()
class Comparing {
  @Idempotent({ keyFrom: ({ args }) => args[1], fingerprint: true })
  async same(_payload: unknown, _key: string): Promise<void> {}

  @Idempotent({
    keyFrom: ({ args }) => args[1],
    fingerprint: (payload) => (payload as { id: number }).id,
  })
  async sameId(_payload: { id: number; sentAt: number }, _key: string): Promise<void> {}
}

const open = async () => {
  @Module({
    imports: [
      IdempotencyModule.forRoot({
        namespace: 'values',
        store: new InMemoryIdempotencyStore(),
        allowInMemoryStorage: true,
      }),
    ],
    providers: [Comparing],
  })
  class Values {}
  return openContext(Values);
};

beforeAll(async () => {
  const { app } = await open();
  service = app.get(IdempotencyService);
  comparing = app.get(Comparing);
});

beforeEach(() => {
  key = `key-${(last += 1)}`;
});

const replayed = async <T>(value: T, name = key): Promise<T> => {
  await service.run(name, async () => value, { name: 'values' });
  return service.run(name, async () => ({ ran: 'again' }) as T, { name: 'values' });
};

/** Runs it a second time under the same key, which must not happen. */
const refusedAgain = async (by = service): Promise<void> => {
  const again = vi.fn<() => Promise<string>>(async () => 'again');
  const error = await by.run(key, again, { name: 'values' }).catch((thrown: unknown) => thrown);
  expect(isIdempotencyError(error, 'IDEMPOTENCY_REPLY_NOT_KEPT')).toBe(true);
  expect(again).not.toHaveBeenCalled();
};

describe('a stored result', () => {
  it.each([
    ['undefined', undefined],
    ['null', null],
    ['an empty text', ''],
    ['NaN and its like', [Number.NaN, Infinity, -Infinity]],
    ['a date, and an invalid one', [new Date(0), new Date(Number.NaN)]],
    ['a big integer', 2n ** 70n],
    ['bytes', [Buffer.from([0, 255]), new Uint8Array([1, 2])]],
    ['a map with objects as keys', new Map<unknown, unknown>([[{ a: 1 }, [1, 2]]])],
    ['a set', new Set([1, 'a', undefined])],
    ['members that are undefined', { a: undefined, b: [undefined] }],
    ['what looks like our own mark', { $idempotency: 'date', value: 1 }],
    ['a member called __proto__', JSON.parse('{"__proto__":{"polluted":true}}')],
  ])('survives: %s', async (_what, value) => {
    const found = await replayed(value);
    expect(found).toStrictEqual(value);
    expect(Object.getPrototypeOf({})).not.toHaveProperty('polluted');
  });

  it('takes an object without a prototype for a plain one', async () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    expect(await replayed(bare)).toEqual({ a: 1 });
  });

  it.each([-0, 0])('keeps the sign of %s', async (value) => {
    expect(Object.is(await replayed(value), value)).toBe(true);
  });

  it('survives whatever it is made of', async () => {
    const any = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withSparseArray: false,
    });
    let n = 0;
    await fc.assert(
      fc.asyncProperty(any, async (value) => {
        expect(await replayed(value, `${key}-${(n += 1)}`)).toStrictEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['an entity', new (class Entity {})()],
    ['an entity inside', { list: [new (class Entity {})()] }],
    ['an error', new Error('no')],
  ])('is refused where it would lose its class: %s', async (_what, value) => {
    const refused = service.run(key, async () => value, { name: 'values' });
    await expect(refused).rejects.toMatchObject({ code: 'IDEMPOTENCY_RESULT_NOT_PLAIN' });
    await refusedAgain();
  });

  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    [
      'a circle',
      (() => {
        const a: unknown[] = [];
        a.push(a);
        return a;
      })(),
    ],
    ['an async iterable', (async function* () {})()],
  ])('is not kept where it has no stored form: %s', async (_what, value) => {
    expect(await service.run(key, async () => value, { name: 'values' })).toBe(value);
    await refusedAgain();
  });

  it('is not kept where it cannot be serialized, and the call is done all the same', async () => {
    const serialize = (): never => {
      throw new RangeError('cannot serialize');
    };
    const first = service.run(key, async () => 1, { name: 'values', serialize });
    const meanwhile = refusedAgain();
    await expect(first).rejects.toThrow('cannot serialize');
    await meanwhile;
    await refusedAgain();
  });

  it('is not kept in production where it would lose its class, and the call is done', async () => {
    vi.stubEnv('NODE_ENV', 'production');
    try {
      const { app, log } = await open();
      const production = app.get(IdempotencyService);
      const entity = new (class Entity {})();
      expect(await production.run(key, async () => entity, { name: 'values' })).toBe(entity);
      await refusedAgain(production);
      expect(log.messages('warn').join()).toContain('IDEMPOTENCY_REPLY_NOT_KEPT');
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe('a fingerprint', () => {
  const outcome = async (first: unknown, second: unknown, name: string): Promise<boolean> => {
    await comparing.same(first, name);
    return comparing.same(second, name).then(
      () => true,
      (error: unknown) => {
        expect(isIdempotencyError(error, 'IDEMPOTENCY_KEY_REUSED')).toBe(true);
        return false;
      },
    );
  };

  it('does not depend on the order of keys or on absent members', async () => {
    const reversed = (value: unknown): unknown =>
      value && typeof value === 'object' && !Array.isArray(value)
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([name, member]) => [name, reversed(member)]),
          )
        : value;
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.json(), async (json) => {
        const value: unknown = JSON.parse(json);
        expect(await outcome(value, reversed(value), `${key}-${(n += 1)}`)).toBe(true);
      }),
    );
    expect(await outcome({ a: 1, b: undefined }, { a: 1 }, `${key}-absent`)).toBe(true);
  });

  it.each([
    ['a number from a text', { a: 1 }, { a: '1' }],
    ['one name from another', { a: 1 }, { b: 1 }],
    ['one order from another', [1, 2], [2, 1]],
    ['one nesting from another', [1, [2]], [[1], 2]],
    ['null from nothing', { a: null }, {}],
    ['a big integer from a number', 1n, 1],
    ['bytes from a text', Buffer.from('a'), 'a'],
    ['a map from a list', new Map([[1, 2]]), [[1, 2]]],
    ['one date from another', new Date(0), new Date(1)],
    ['a text from what it spells', '[1]', [1]],
  ])('tells %s', async (_what, first, second) => {
    expect(await outcome(first, second, key)).toBe(false);
    expect(await outcome(first, first, `${key}-same`)).toBe(true);
  });

  it('is of what a function picks', async () => {
    await comparing.sameId({ id: 1, sentAt: 1 }, key);
    await comparing.sameId({ id: 1, sentAt: 2 }, key);
    await expect(comparing.sameId({ id: 2, sentAt: 2 }, key)).rejects.toThrow('another request');
  });
});

describe('IdempotencyInfo', () => {
  it('derives keys that differ by label and stay the same for every attempt', async () => {
    const derive = async (label: string): Promise<string | undefined> => {
      const attempt = service.run(
        key,
        async () => {
          throw new Error(IdempotencyInfo.current()?.deriveKey(label));
        },
        { name: 'derive' },
      );
      return attempt.catch((error: Error) => error.message);
    };
    const card = await derive('card');
    expect(card).toMatch(/^[0-9a-f]{64}$/);
    expect(await derive('card')).toBe(card);
    expect(await derive('mail')).not.toBe(card);
    expect(IdempotencyInfo.current()).toBeUndefined();
  });

  it.each(['returned', 'failed'] as const)(
    'lets nothing through that is left behind by a call that has %s',
    async (how) => {
      let leftBehind = (fn: () => Promise<void>): Promise<void> => fn();
      const job = (fn: () => Promise<string>) => service.run(key, fn, { name: 'left' });
      const effects: string[] = [];
      const first = job(async () => {
        leftBehind = AsyncLocalStorage.snapshot();
        effects.push('first');
        if (how === 'failed') throw new Error('first');
        return 'first';
      });
      await first.catch(() => undefined);
      const effect = async (): Promise<string> => {
        effects.push('second');
        return 'second';
      };
      await leftBehind(async () => {
        const found = await job(effect);
        expect(await job(effect)).toBe(found);
      });
      expect(effects).toEqual(how === 'failed' ? ['first', 'second'] : ['first']);
    },
  );

  it('keeps keys apart by name and principal, whatever they are made of', async () => {
    const run = (name: string, principal: string | undefined, k: string) =>
      service.run(k, async () => IdempotencyInfo.current()!.id, { name, principal });
    const ids = await Promise.all([
      run('a', 'b', key),
      run('a:b', undefined, key),
      run('a', '', key),
      run('a', undefined, key),
      run('a', 'b1', key),
      run('a', 'b', `1${key}`),
    ]);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
