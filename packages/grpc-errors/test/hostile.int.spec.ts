// Whatever is thrown, wherever it is thrown: each call is answered, and nothing else fails of it.
import { status as Status } from '@grpc/grpc-js';
import { waitFor } from '@acme/internal-testing';
import { Catch, Injectable, Scope, type ExceptionFilter } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { map, NEVER, Observable, of, throwError } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { openProbe, type ProbeOptions } from './support/probe-app.js';

let opened: Awaited<ReturnType<typeof openProbe>> | undefined;
const escaped: unknown[] = [];
const escape = (error: unknown): void => void escaped.push(error);
process.on('unhandledRejection', escape).on('uncaughtException', escape);
afterEach(async () => {
  await opened?.close();
  opened = undefined;
  const [one] = escaped.splice(0);
  if (one) throw new Error('The process would have ended.', { cause: one });
});
const open = async (options: ProbeOptions) => (opened = await openProbe(options));

const METHODS = [
  'Unary',
  'ServerStream',
  'ClientStream',
  'Bidi',
  'PassThrough',
  'PassThroughBidi',
] as const;
const SOON = { timeout: 1_000 };

const boom = (): never => {
  throw new Error('trap');
};
const getters = (names: readonly string[]): object => {
  const error = new Error('x');
  for (const name of names) Object.defineProperty(error, name, { get: boom });
  return error;
};
const cyclic = new Error('cycle');
cyclic.cause = cyclic;
const deep = ((): Error => {
  let error = new Error('0');
  for (let n = 1; n < 10_000; n += 1) error = new Error(`${n}`, { cause: error });
  return error;
})();
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable(new Error('x'), {});
  revoke();
  return proxy;
};
const trapped = (): object =>
  new Proxy(new Error('x'), {
    get: boom,
    has: boom,
    getPrototypeOf: boom,
    ownKeys: boom,
    getOwnPropertyDescriptor: boom,
  });

describe('what is thrown', () => {
  const thrown: [string, unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a text', 'text'],
    ['a number', 5],
    ['a bigint', 5n],
    ['a symbol', Symbol('s')],
    ['a function', () => 'f'],
    ['a class', class Thrown {}],
    ['a promise', Promise.resolve(1)],
    ['an object without a prototype', Object.create(null)],
    [
      'an error with broken getters',
      getters([
        'stack',
        'message',
        'name',
        'cause',
        'code',
        'constructor',
        'details',
        'metadata',
        'status',
        'issues',
        'violations',
        'getStatus',
        'getError',
      ]),
    ],
    ['a proxy that throws', trapped()],
    ['a proxy that is no more', revoked()],
    ['a cycle', cyclic],
    ['ten thousand causes', deep],
    ['a frozen error', Object.freeze(new Error('frozen'))],
    ['an observable', of(1)],
    ['what says that it is an Observable', { lift: () => {}, subscribe: () => {} }],
    ['a huge text', 'x'.repeat(2_000_000)],
    [
      'a huge error',
      Object.assign(new Error('y'.repeat(2_000_000)), { big: 'z'.repeat(2_000_000) }),
    ],
  ];
  const ways: Record<string, (error: unknown) => unknown> = {
    thrown: (error) => {
      throw error;
    },
    'of a stream': (error) => throwError(() => error),
    'of a promise': (error) => Promise.reject(error),
  };
  it.each(thrown.map(([name]) => name))('is answered: %s', async (name) => {
    const [, error] = thrown.find(([one]) => one === name)!;
    let way = '';
    const { invoke } = await open({
      handle: () => ways[way]!(error),
      details: { debugInfo: true },
    });
    const answers: Record<string, string | undefined> = {};
    for (way of Object.keys(ways))
      for (const method of METHODS) {
        const ended = await invoke(method, SOON);
        answers[`${method} ${way}`] =
          ended.error && `${Status[ended.error.code]} ${ended.error.details}`;
      }
    expect(new Set(Object.values(answers)), JSON.stringify(answers)).toEqual(
      new Set(['INTERNAL Internal error']),
    );
  });
});

describe.each(METHODS)('%s is answered', (method) => {
  it.each<[string, () => unknown]>([
    ['async', async () => boom()],
    ['async, without anything', async () => undefined],
    ['sync', boom],
    ['a promise of an error', () => Promise.reject(new Error('x'))],
    ['text', () => 'text'],
    ['null', () => null],
    ['undefined', () => undefined],
    ['a stream that throws', () => new Observable(boom)],
  ])('although a filter throws or gives what is no stream: %s', async (_, answer) => {
    @Catch()
    class Filter implements ExceptionFilter {
      catch = answer as never;
    }
    const { invoke } = await open({
      handle: () => boom(),
      providers: [{ provide: APP_FILTER, useClass: Filter }],
    });
    const ended = await invoke(method, SOON);
    expect(['INTERNAL', 'UNKNOWN']).toContain(ended.error && Status[ended.error.code]);
  });

  it.each([APP_GUARD, APP_INTERCEPTOR, APP_PIPE])('although %s throws', async (provide) => {
    class Part {
      canActivate = boom;
      intercept = boom;
      transform = boom;
    }
    const { invoke } = await open({
      handle: () => ({ id: '1' }),
      providers: [{ provide, useClass: Part }],
    });
    const ended = await invoke(method, SOON);
    expect(ended.error && Status[ended.error.code]).toBe('INTERNAL');
  });

  it('although its controller has one instance for each request and that fails', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Guard {
      constructor() {
        boom();
      }
      canActivate = () => true;
    }
    const { invoke } = await open({
      handle: () => ({ id: '1' }),
      providers: [{ provide: APP_GUARD, useClass: Guard, scope: Scope.REQUEST }],
    });
    const ended = await invoke(method, SOON);
    expect(ended.error && Status[ended.error.code]).toBe('INTERNAL');
  });

  it.each<[string, ProbeOptions['handle']]>([
    [
      'emits after it has failed',
      () =>
        new Observable((one) => {
          one.error(new Error('first'));
          one.next({ id: '1' });
          one.complete();
          one.error(new Error('second'));
        }),
    ],
    ['throws when it is subscribed to', () => new Observable(boom)],
    ['is the promise of one that fails', async () => throwError(() => new Error('x'))],
  ])('where its stream %s', async (_, handle) => {
    const { invoke } = await open({ handle });
    const ended = await invoke(method, SOON);
    expect(ended.error && Status[ended.error.code]).toBe('INTERNAL');
  });
});

it.each(['Unary', 'ClientStream', 'PassThrough', 'PassThroughBidi'])(
  'answers what a stream of promises fails with: %s',
  async (method) => {
    const { invoke } = await open({ handle: () => of(1).pipe(map(async () => boom())) });
    const ended = await invoke(method, SOON);
    expect(ended.error && Status[ended.error.code]).toBe('INTERNAL');
  },
);

it.each(['Unary', 'ClientStream'])(
  'answers with what a promise in a stream gives: %s',
  async (method) => {
    let given: unknown = { id: '1' };
    const { invoke } = await open({ handle: () => of(1).pipe(map(async () => given)) });
    expect((await invoke(method, SOON)).messages).toEqual([{ id: '1' }]);
    given = null;
    const ended = await invoke(method, SOON);
    expect(ended.error && Status[ended.error.code]).toBe('INTERNAL');
  },
);

it('answers a thousand calls with a timer each, and leaves none of them', async () => {
  const timers = (): number =>
    process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
  let calls = 0;
  const answer = { id: '1' };
  const { invoke } = await open({
    handle: () => ((calls += 1) % 2 ? of(answer) : Promise.resolve(answer)),
    deadline: { max: '5m' },
  });
  await invoke('Unary');
  const before = timers();
  const all = await Promise.all(
    Array.from({ length: 1_000 }, (_, n) => invoke(METHODS[n % 4]!, { timeout: Infinity })),
  );
  expect(all.filter(({ error }) => error)).toEqual([]);
  await waitFor(() => timers() <= before);
});

it.each(METHODS)('closes with calls under way: %s', async (method) => {
  let begun = false;
  const { invoke, close } = await open({
    handle: () => {
      begun = true;
      return NEVER;
    },
  });
  const call = invoke(method, { timeout: 5_000 });
  await waitFor(() => begun);
  await close();
  opened = undefined;
  const { error } = await call;
  // By the end of its connection, and not because nobody waits any more.
  expect(['UNAVAILABLE', 'CANCELLED', 'INTERNAL']).toContain(error && Status[error.code]);
});

it.each(METHODS)('keeps what the handler has sent of headers when it fails: %s', async (method) => {
  const { invoke } = await open({
    handle: (given) => {
      const call = given as { sendMetadata?: (metadata: unknown) => void; metadata: unknown };
      call.sendMetadata?.(call.metadata);
      throw new Error('x');
    },
  });
  const ended = await invoke(method, SOON);
  expect(ended.error && Status[ended.error.code]).toBe('INTERNAL');
});
