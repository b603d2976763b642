import { setImmediate as turn } from 'node:timers/promises';
import { waitFor } from '@acme/internal-testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Consumers } from '../../src/consumers/consumers.js';
import type { ConsumingChannelLike } from '../../src/consumers/consuming-channel-like.js';
import { Attempts } from '../../src/crashes/attempts.js';
import { CrashGuard } from '../../src/crashes/crash-guard.js';
import type { Unhandled } from '../../src/settlement/broker-settlement.js';
import { CountedAttempts } from '../support/counted-attempts.js';
import { FakeChannel, fakeClient as client } from '../support/fake-channel.internal.js';

interface Sent {
  readonly id?: string | undefined;
  readonly again?: boolean;
  /** Of a quorum queue. */
  readonly count?: number;
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

let tag = 0;
const deliveryOf = ({ id, again = false, count }: Sent) => ({
  content: Buffer.from('{}'),
  fields: { deliveryTag: (tag += 1), redelivered: again, exchange: '', routingKey: 'orders' },
  properties: {
    type: 'placed',
    messageId: id,
    ...(count !== undefined && { headers: { 'x-delivery-count': count } }),
  },
});
type Delivery = ReturnType<typeof deliveryOf>;

interface SetUp {
  readonly store?: CountedAttempts | undefined;
  readonly declared?: Readonly<Record<string, unknown>>;
  readonly patienceMs?: number;
  readonly park?: (parked: Unhandled) => Promise<void>;
}

/** A consumer of "orders" behind the guard; what is handed over stays with it until the test settles it. */
async function setUp({ store, declared, patienceMs, park = async () => {} }: SetUp = {}) {
  const fake = new FakeChannel();
  const channel = fake as unknown as ConsumingChannelLike;
  const consumers = new Consumers();
  const log = { warn: vi.fn<(text: string) => void>(), error: vi.fn<(text: string) => void>() };
  const parked: Unhandled[] = [];
  const guard = new CrashGuard({
    attempts: new Attempts(store, log),
    queueNames: { of: (queue) => queue },
    clientOf: (delivery) => consumers.clientOf(delivery),
    handlers: { of: () => ({ name: 'placed', handler: undefined }) },
    settings: { policyOf: () => ({ crashes: 2 }) as never },
    settlement: {
      park: async (one) => {
        await park(one);
        parked.push(one);
      },
    },
    log,
    ...(patienceMs !== undefined && { patienceMs }),
  });
  consumers.gate = guard;
  consumers.tap(channel, client);
  if (declared) await channel.assertQueue('orders', { arguments: declared });
  const handled: Delivery[] = [];
  await channel.consume('orders', (one) => handled.push(one as Delivery));
  const deliver = (...sent: Sent[]): Delivery[] =>
    sent.map((one) => {
      const delivery = deliveryOf(one);
      fake.consumers.get('tag-1')!(delivery);
      return delivery;
    });
  const ids = (): (string | undefined)[] => handled.map(({ properties }) => properties.messageId);
  const drain = (): Promise<unknown> =>
    Promise.all(consumers.channelsOf().map((one) => one.endConsumers(() => true)));
  return { fake, channel, consumers, guard, log, parked, handled, ids, deliver, drain };
}

/** Long enough for every answer of a store that answers at once. */
const settled = async (): Promise<void> => {
  for (let index = 0; index < 5; index += 1) await turn();
};

describe('a first delivery', () => {
  it('is handed over at once, and nothing is asked', async () => {
    const store = new CountedAttempts();
    const { deliver, ids, channel } = await setUp({ store });
    const [delivery] = deliver({ id: 'a' });
    expect(ids()).toEqual(['a']);
    channel.ack(delivery);
    await settled();
    expect(store.asked).toEqual([]);
  });
});

describe('a message that comes again', () => {
  it('is not handed over when the channel closes, nor is what waits behind it', async () => {
    const store = new CountedAttempts({ a: 1 });
    const { deliver, fake, ids } = await setUp({ store });
    deliver({ id: 'a', again: true });
    await settled();
    deliver({ id: 'b' }, { id: 'c' });
    expect(ids()).toEqual(['a']);
    fake.emit('close');
    await settled();
    expect(ids()).toEqual(['a']);
  });

  it('is told of when it is parked, although nobody has handled it', async () => {
    const store = new CountedAttempts({ a: 3 });
    const { deliver, consumers, parked, ids } = await setUp({ store });
    const told: string[] = [];
    consumers.watchedBy = {
      ...consumers.watchedBy,
      watch: () => ({
        within: (hand) => hand(),
        settling: (how) => told.push(`settling ${how}`),
        settled: (how) => told.push(`settled ${how}`),
      }),
    };
    deliver({ id: 'a', again: true });
    await settled();
    expect([ids(), parked.length]).toEqual([[], 1]);
    expect(told).toEqual(['settling acked', 'settled acked']);
  });

  it('is noted before it is handled, beside others, and forgotten when it is settled', async () => {
    const store = new CountedAttempts();
    const { deliver, ids, channel, guard } = await setUp({ store });
    deliver({ id: 'other' });
    const [delivery] = deliver({ id: 'a', again: true });
    expect(ids()).toEqual(['other']);
    await settled();
    expect(ids()).toEqual(['other', 'a']);
    expect(store.begun).toEqual(new Map([['a', 1]]));
    channel.ack(delivery);
    await guard.idle();
    expect(store.begun).toEqual(new Map());
    expect(store.asked).toEqual(['crashes a', 'begin a', 'end a']);
  });

  it.each<[string, (channel: ConsumingChannelLike, delivery: Delivery, fake: FakeChannel) => void]>(
    [
      ['is rejected', (channel, delivery) => channel.reject(delivery, true)],
      ['is nacked with all before it', (channel, delivery) => channel.nack(delivery, true)],
      ['is acked with all', (channel) => channel.ackAll()],
      ['loses its channel', (_channel, _delivery, fake) => void fake.emit('close')],
    ],
  )('has not died where it %s', async (_, end) => {
    const store = new CountedAttempts({ a: 1 });
    const { deliver, channel, fake, ids, guard } = await setUp({ store });
    const [delivery] = deliver({ id: 'a', again: true });
    await settled();
    expect(ids()).toEqual(['a']);
    end(channel, delivery!, fake);
    await guard.idle();
    expect(store.begun).toEqual(new Map());
  });

  it('is handled alone where a process has died with it: what runs ends first, and nothing begins', async () => {
    const store = new CountedAttempts({ a: 1 });
    const { deliver, ids, channel } = await setUp({ store });
    const [before] = deliver({ id: 'before' });
    const [suspect] = deliver({ id: 'a', again: true }, { id: 'after' });
    await settled();
    expect(ids()).toEqual(['before']);
    // Others may die of something else meanwhile.
    expect(store.begun).toEqual(new Map([['a', 1]]));
    channel.ack(before);
    await settled();
    expect(ids()).toEqual(['before', 'a']);
    expect(store.begun).toEqual(new Map([['a', 2]]));
    channel.ack(suspect);
    expect(ids()).toEqual(['before', 'a', 'after']);
  });

  it('has one number of its attempt, whoever counts', async () => {
    const store = new CountedAttempts({ a: 1, b: 2 });
    const { deliver, handled, channel } = await setUp({ store });
    deliver({ id: 'a', again: true }, { id: 'b', again: true, count: 7 });
    await settled();
    channel.ack(handled[0]);
    await settled();
    const counts = handled.map(({ properties: { headers } }) => headers?.['x-delivery-count']);
    expect(counts).toEqual([2, 7]);
  });

  it('is parked when the process has died so often with it alone, and never handed over', async () => {
    const store = new CountedAttempts({ a: 3 });
    const { deliver, ids, parked, fake, guard, consumers } = await setUp({ store });
    const [delivery] = deliver({ id: 'a', again: true }, { id: 'after' });
    await settled();
    await guard.idle();
    expect(ids()).toEqual(['after']);
    expect(parked).toMatchObject([{ queue: 'orders', name: 'placed', code: 'CRASH_LOOP' }]);
    expect(parked[0]?.reason).toContain('died 2 times in a row');
    expect(fake.said).toEqual([['ack', delivery, undefined]]);
    expect(store.begun).toEqual(new Map());
    expect(consumers.unsettled()).toHaveLength(1);
  });

  it('is given back, and not handled, where it cannot be parked', async () => {
    const store = new CountedAttempts({ a: 3 });
    const park = () => Promise.reject(new Error('no broker'));
    const { deliver, ids, fake, log } = await setUp({ store, park });
    const [delivery] = deliver({ id: 'a', again: true });
    await settled();
    expect(ids()).toEqual([]);
    expect(fake.said).toEqual([['nack', delivery, false, true]]);
    expect(log.error).toHaveBeenCalledWith(expect.stringContaining('no broker'));
    expect(store.begun).toEqual(new Map([['a', 3]]));
  });

  it('keeps nobody waiting while the broker takes it', async () => {
    const store = new CountedAttempts({ a: 3 });
    const { deliver, ids, consumers } = await setUp({ store, park: () => new Promise(() => {}) });
    deliver({ id: 'a', again: true }, { id: 'after' });
    await settled();
    expect(ids()).toEqual(['after']);
    // A shutdown waits for it.
    expect(consumers.unsettled()).toHaveLength(2);
  });

  it('is not handed over where its channel is closed before that is noted, and has not died', async () => {
    const store = new CountedAttempts({ a: 1 });
    const { deliver, ids, fake, guard } = await setUp({ store });
    let answer!: () => void;
    const answered = new Promise<never>((done) => (answer = done as () => void));
    deliver({ id: 'a', again: true });
    store.answers = () => answered;
    await settled();
    expect(store.asked).toEqual(['crashes a', 'begin a']);
    // The end is answered at once: it must not come before.
    store.answers = undefined;
    fake.emit('close');
    await settled();
    answer();
    await guard.idle();
    await settled();
    expect(ids()).toEqual([]);
    expect(store.begun).toEqual(new Map());
  });

  it('does not keep others waiting for ever, and has survived then', async () => {
    const store = new CountedAttempts({ a: 1 });
    const { deliver, ids } = await setUp({ store, patienceMs: 20 });
    deliver({ id: 'a', again: true }, { id: 'after' });
    await settled();
    expect(ids()).toEqual(['a']);
    await waitFor(() => ids().length === 2);
    await waitFor(() => store.begun.size === 0);
  });

  it('without an id is handled, and that is said once for each queue', async () => {
    const store = new CountedAttempts();
    const { deliver, handled, log } = await setUp({ store });
    deliver({ again: true }, { again: true });
    expect(handled).toHaveLength(2);
    expect(log.warn).toHaveBeenCalledTimes(1);
    expect(log.warn).toHaveBeenCalledWith(expect.stringContaining('"orders"'));
    expect(store.asked).toEqual([]);
  });
});

describe('an attempt store that cannot be asked', () => {
  it('keeps nobody from being handled, is told of once, and is left alone for a while', async () => {
    const store = new CountedAttempts({ a: 3, b: 3 });
    store.answers = () => Promise.reject(new Error('no database'));
    const { deliver, ids, log } = await setUp({ store });
    deliver({ id: 'a', again: true });
    await settled();
    deliver({ id: 'b', again: true });
    await settled();
    expect(ids()).toEqual(['a', 'b']);
    expect(log.warn).toHaveBeenCalledTimes(1);
    expect(log.warn).toHaveBeenCalledWith(expect.stringContaining('no database'));
    expect(store.asked).toEqual(['crashes a']);
  });

  it('is asked again after a while, and told of again after a longer one', async () => {
    const began = performance.now();
    const now = vi.spyOn(performance, 'now');
    const store = new CountedAttempts();
    store.answers = () => Promise.reject(new Error('no database'));
    const { deliver, log } = await setUp({ store });
    for (const [passedMs, asked, told] of [
      [0, 1, 1],
      [4_900, 1, 1],
      [5_100, 2, 1],
      [61_000, 3, 2],
    ] as const) {
      now.mockReturnValue(began + passedMs);
      deliver({ id: 'a', again: true });
      await settled();
      expect([store.asked.length, log.warn.mock.calls.length]).toEqual([asked, told]);
    }
  });

  it('is not waited for where it does not answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const store = new CountedAttempts();
    store.answers = () => new Promise(() => {});
    const { deliver, ids, log } = await setUp({ store });
    deliver({ id: 'a', again: true }, { id: 'after' });
    await vi.advanceTimersByTimeAsync(4_900);
    expect(ids()).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    await settled();
    expect(ids()).toEqual(['a', 'after']);
    expect(log.warn).toHaveBeenCalledWith(expect.stringContaining('no answer within 5 s'));
  });
});

it('does not ask a store that forgets everything with its process', async () => {
  const store = new CountedAttempts({ a: 3 }, true);
  const { deliver, ids, log } = await setUp({ store });
  deliver({ id: 'a', again: true }, { again: true });
  expect(ids()).toEqual(['a', undefined]);
  expect(store.asked).toEqual([]);
  expect(log.warn).not.toHaveBeenCalled();
});

describe('a shutdown', () => {
  it('gives back what waits for its turn, and begins nothing', async () => {
    const store = new CountedAttempts({ a: 1 });
    const { deliver, ids, drain, fake, consumers, channel } = await setUp({ store });
    const [running, suspect, after] = deliver(
      { id: 'running' },
      { id: 'a', again: true },
      { id: 'after' },
    );
    await settled();
    await drain();
    expect(fake.said).toEqual([
      ['cancel', 'tag-1'],
      ['nack', after, false, true],
      ['nack', suspect, false, true],
    ]);
    channel.ack(running);
    await settled();
    expect(ids()).toEqual(['running']);
    expect(consumers.unsettled()).toEqual([]);
    expect(store.begun).toEqual(new Map([['a', 1]]));
  });

  it('gives back one of which the store is still asked, and notes nothing of it', async () => {
    const store = new CountedAttempts();
    let answer!: () => void;
    const answered = new Promise<never>((done) => (answer = done as () => void));
    store.answers = () => answered;
    const { deliver, ids, drain, guard } = await setUp({ store });
    deliver({ id: 'a', again: true });
    await drain();
    answer();
    await settled();
    await guard.idle();
    expect(ids()).toEqual([]);
    expect(store.begun).toEqual(new Map());
  });

  it('forgives what still runs, before it may be killed', async () => {
    const store = new CountedAttempts({ b: 1 });
    const { deliver, guard, ids } = await setUp({ store });
    deliver({ id: 'a', again: true });
    await settled();
    guard.release();
    await guard.idle();
    expect([ids(), store.begun.get('a')]).toEqual([['a'], undefined]);
  });

  it('of one client forgives what runs of that alone, and notes what begins of others', async () => {
    const store = new CountedAttempts();
    const { deliver, guard, consumers } = await setUp({ store, patienceMs: 60_000 });
    const other = new FakeChannel();
    consumers.tap(other as never, { ...client, name: 'other' });
    await (other as unknown as ConsumingChannelLike).consume('others', () => {});
    const deliverThere = (id: string): void =>
      other.consumers.get('tag-1')!(deliveryOf({ id, again: true }));
    deliver({ id: 'a', again: true });
    deliverThere('b');
    await settled();
    guard.release(client);
    await guard.idle();
    deliverThere('c');
    deliver({ id: 'd', again: true });
    await settled();
    expect([...store.begun.keys()].toSorted()).toEqual(['b', 'c']);
  });
});

describe('the count of a quorum queue', () => {
  const declared = { 'x-queue-type': 'quorum', 'x-delivery-limit': 10 };

  it('has a message handled alone, later parked, without a store as well', async () => {
    const { deliver, ids, channel, parked, handled } = await setUp({ declared });
    deliver({ id: 'few', again: true, count: 3 }, { id: 'many', again: true, count: 4 });
    deliver({ id: 'after' });
    expect(ids()).toEqual(['few']);
    channel.ack(handled[0]);
    expect(ids()).toEqual(['few', 'many']);
    channel.ack(handled[1]);
    expect(ids()).toEqual(['few', 'many', 'after']);
    deliver({ id: 'most', again: true, count: 8 });
    await settled();
    expect(parked).toMatchObject([
      { code: 'CRASH_LOOP', delivery: { properties: { messageId: 'most' } } },
    ]);
    expect(parked[0]?.reason).toContain('delivered 8 times');
  });

  it('has the store forget what is parked by it', async () => {
    const store = new CountedAttempts({ a: 1 });
    const { deliver, parked, guard } = await setUp({ declared, store });
    deliver({ id: 'a', again: true, count: 8 });
    await settled();
    await guard.idle();
    expect(parked).toHaveLength(1);
    expect(store.begun).toEqual(new Map());
  });

  it('does not have those parked that waited behind the first, unless the broker would drop them', async () => {
    const { deliver, ids, parked } = await setUp({ declared });
    deliver({ id: 'a', again: true, count: 8 }, { id: 'b', again: true, count: 8 });
    deliver({ id: 'c', again: true, count: 10 });
    await settled();
    expect(ids()).toEqual(['b']);
    expect(parked.map(({ delivery }) => delivery.properties.messageId)).toEqual(['a', 'c']);
  });

  it('is not believed of a classic queue, nor of a first delivery', async () => {
    const { deliver, ids } = await setUp({ declared: { 'x-queue-type': 'classic' } });
    deliver({ id: 'a', again: true, count: 500 }, { id: 'b', count: 500 });
    expect(ids()).toEqual(['a', 'b']);
  });
});
