import 'reflect-metadata';
import { Controller, Injectable } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { seededRandom, waitFor } from '@acme/internal-testing';
import { MessageContext } from '@acme/nest-message-context';
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Observable, type Subscription } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Around, openTraced, type TracedApp } from './support/trace.js';

const MESSAGES = 10_000;
const id = (): string | undefined => MessageContext.current()?.correlationId;

/** Emitters of all messages: their listeners run in whoever's context happens to emit. Many, as each is slow with thousands. */
const emitters = Array.from({ length: 100 }, () => new EventEmitter().setMaxListeners(0));
let turn = 0;
const shared = (): EventEmitter => emitters[(turn += 1) % emitters.length]!;

/** Ways to come back later; each resolves with the id seen there. */
const DETOURS: readonly (() => Promise<string | undefined>)[] = [
  async () => {
    await Promise.resolve();
    return id();
  },
  async () => {
    await immediate();
    return id();
  },
  async () => {
    await sleep(1);
    return id();
  },
  () => new Promise((done) => process.nextTick(() => done(id()))),
  () => new Promise((done) => queueMicrotask(() => done(id()))),
  () =>
    new Promise((done) =>
      shared().once(
        'tick',
        MessageContext.bind(() => done(id())),
      ),
    ),
  async () => {
    await new Promise((done) => shared().once('tick', done));
    return id();
  },
  async () => {
    const seen: (string | undefined)[] = [];
    for await (const _chunk of Readable.from(['a', 'b'])) seen.push(id());
    return seen.every((one) => one === seen[0]) ? seen[0] : 'mixed';
  },
];

async function wander(route: readonly number[]): Promise<Set<string | undefined>> {
  const seen = new Set([id()]);
  for (const step of route) seen.add(await DETOURS[step]!());
  return seen;
}

@Injectable()
@Controller()
class Wanderer {
  readonly finished: Set<string | undefined>[] = [];

  @Around()
  async plain(route: readonly number[]): Promise<Set<string | undefined>> {
    return wander(route);
  }

  @Around()
  @MessagePattern('wander')
  async handle(@Payload() route: readonly number[]): Promise<Set<string | undefined>> {
    return wander(route);
  }

  @MessagePattern('undecorated')
  async undecorated(@Payload() route: readonly number[]): Promise<Set<string | undefined>> {
    return wander(route);
  }

  @EventPattern('both')
  async first(@Payload() route: readonly number[]): Promise<void> {
    this.finished.push(await wander(route));
  }

  @Around()
  @EventPattern('both')
  async second(@Payload() route: readonly number[]): Promise<void> {
    this.finished.push(await wander(route));
  }
}

let app: TracedApp;
let ticking: NodeJS.Timeout;
beforeEach(async () => {
  app = await openTraced({ controllers: [Wanderer] });
  ticking = setInterval(() => emitters.forEach((one) => one.emit('tick')), 1);
});
afterEach(async () => {
  clearInterval(ticking);
  await app.app.close();
});

const routes = (count: number): number[][] => {
  const random = seededRandom(7);
  return Array.from({ length: count }, () =>
    Array.from({ length: 2 }, () => random.int(0, DETOURS.length - 1)),
  );
};

function expectAllDistinct(seen: readonly Set<string | undefined>[], count: number): void {
  expect(seen.filter(({ size }) => size !== 1)).toEqual([]);
  const ids = new Set(seen.flatMap((one) => [...one]));
  expect(ids.has(undefined)).toBe(false);
  expect(ids.size).toBe(count);
}

describe('ten thousand messages at once keep their own ids', () => {
  it('in plain method calls', async () => {
    const wanderer = app.get(Wanderer);
    const seen = await Promise.all(routes(MESSAGES).map((route) => wanderer.plain(route)));
    expectAllDistinct(seen, MESSAGES);
    expect(id()).toBeUndefined();
  }, 60_000);

  it.each([
    ['wander', MESSAGES],
    ['undecorated', 1_000],
  ])(
    'in messages to the %s handler',
    async (pattern, count) => {
      const seen = await Promise.all(routes(count).map((route) => app.server.ask(pattern, route)));
      expectAllDistinct(seen as Set<string>[], count);
      expect(id()).toBeUndefined();
    },
    60_000,
  );

  it('in events with two handlers, which share one', async () => {
    const { finished } = app.get(Wanderer);
    await Promise.all(routes(1_000).map((route) => app.server.ask('both', route)));
    expect(finished).toHaveLength(2_000);
    expectAllDistinct(finished, 1_000);
  }, 60_000);
});

describe('a stream that a handler returns', () => {
  it('is subscribed to, emits and is torn down inside, whoever does it', async () => {
    const emitter = new EventEmitter();
    const seen: string[] = [];
    const note = (what: string): void =>
      void seen.push(`${what} ${MessageContext.current()?.message.name ?? 'outside'}`);
    app.server.addHandler('stream', async () => {
      note('called');
      return new Observable((subscriber) => {
        note('subscribed');
        const emit = (): void => subscriber.next(note('emitted'));
        emitter.once('go', MessageContext.bind(emit));
        return () => note('torn down');
      });
    });
    const handler = app.server.getHandlerByPattern('stream')!;
    const stream = (await handler({}, {})) as Observable<unknown>;
    const subscription: Subscription = stream.subscribe();
    emitter.emit('go');
    subscription.unsubscribe();
    expect(seen).toEqual([
      'called stream',
      'subscribed stream',
      'emitted stream',
      'torn down stream',
    ]);
    expect(id()).toBeUndefined();
  });
});

describe('MessageContext.bind', () => {
  it('keeps this, the arguments, the result and the error', async () => {
    const bound = await inContext(() =>
      MessageContext.bind(function (this: { factor: number }, value: number) {
        if (value < 0) throw new RangeError('negative');
        return { product: this.factor * value, id: id() };
      }),
    );
    expect(bound.call({ factor: 3 }, 4)).toEqual({ product: 12, id: expect.any(String) });
    expect(() => bound.call({ factor: 3 }, -1)).toThrow(RangeError);
    expect(id()).toBeUndefined();
  });

  it('outside of any message binds to none', async () => {
    const bound = MessageContext.bind(id);
    expect(await inContext(async () => bound())).toBeUndefined();
  });

  it('require() says what to do where there is no message', () => {
    expect(() => MessageContext.require()).toThrow(
      /No message is being handled here\..*MessageContextModule/,
    );
  });

  const inContext = async <T>(fn: () => T): Promise<Awaited<T>> => {
    let result: Awaited<T> | undefined;
    app.server.addHandler('bind', async () => {
      result = await fn();
    });
    await app.server.ask('bind');
    return result as Awaited<T>;
  };
});

describe('after the end', () => {
  it('nothing holds a message, its context or its payload', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const held: WeakRef<object>[] = [];
    app.server.addHandler('held', async (payload: object) => {
      const context = MessageContext.require();
      void context.message.signal;
      held.push(new WeakRef(context), new WeakRef(context.message), new WeakRef(payload));
      await immediate();
    });
    await Promise.all(Array.from({ length: 500 }, (_, n) => app.server.ask('held', { n })));
    const wanderer = app.get(Wanderer);
    await Promise.all(routes(500).map((route) => wanderer.plain(route)));
    app.trace.take();
    expect(held).toHaveLength(1_500);
    await waitFor(
      async () => {
        await immediate();
        collect();
        return held.every((one) => one.deref() === undefined);
      },
      { what: 'every context to be collected' },
    );
  });
});
