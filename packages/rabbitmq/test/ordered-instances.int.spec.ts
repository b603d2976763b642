// Order per key over several processes: queues with a single active consumer each, one of which closes or dies.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnChild, testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { orderedTopology, RabbitMqConfigurationError } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { numbered, type Numbered } from './support/ordered-ground.js';

const child = new URL('./children/ordered-consumer.mjs', import.meta.url);
const PREFETCH = 20;
const PARTITIONS = 3;
const KEYS = 12;
const MESSAGES = 600;

let broker: TestBroker;
let folder: string;
beforeAll(async () => {
  broker = await testBroker();
  folder = mkdtempSync(join(tmpdir(), 'ordered-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Line {
  readonly what: string;
  readonly key: string;
  readonly n: number;
  readonly who: string;
}

/** What happened, as all instances have written it down, in one file and so in one order. */
function read(ledger: string): Line[] {
  const lines = readFileSync(ledger, { flag: 'a+', encoding: 'utf8' }).split('\n');
  return lines.slice(0, -1).map((line) => {
    const [what = '', key = '', n, who = ''] = line.split(' ');
    return { what, key, n: Number(n), who };
  });
}

/** Messages that were begun after a later one of their key, for the first time. */
function violations(lines: readonly Line[]): Line[] {
  const seen = new Map<string, Set<number>>();
  return lines.filter(({ what, key, n }) => {
    if (what !== 'begun') return false;
    const before = seen.get(key) ?? new Set();
    seen.set(key, before);
    const isLate = !before.has(n) && [...before].some((other) => other > n);
    before.add(n);
    return isLate;
  });
}

/** Messages that were begun while one of their key was under way in another process that was alive. */
function overlaps(lines: readonly Line[], dead?: string): Line[] {
  const running = new Map<string, Set<string>>();
  return lines.filter(({ what, key, n, who }) => {
    const now = running.get(key) ?? new Set();
    running.set(key, now);
    const self = `${n} ${who}`;
    if (what === 'done') now.delete(self);
    if (what !== 'begun') return false;
    const others = [...now].filter((other) => !(dead && other.endsWith(` ${dead}`)));
    now.add(self);
    return others.length > 0;
  });
}

interface Consumed {
  readonly kind: string;
  readonly queues: readonly string[];
  readonly queueOptions: object;
  readonly ledger: string;
}

/** An instance that consumes. */
async function started(name: string, { kind, queues, queueOptions, ledger }: Consumed) {
  const one = spawnChild(child, {
    env: {
      TEST_BROKER: broker.url,
      KIND: kind,
      QUEUES: JSON.stringify(queues),
      QUEUE_OPTIONS: JSON.stringify(queueOptions),
      LEDGER: ledger,
      NAME: name,
      PREFETCH: String(PREFETCH),
      HANDLER_MS: '20',
    },
  });
  await one.receive((message) => message === 'ready', { deadlineMs: 30_000 });
  return one;
}

/** Publishes them all, each under its key. */
async function publish(exchange: string, all: readonly Numbered[], queue?: string): Promise<void> {
  const channel = await broker.confirmChannel();
  for (const { key, n } of all)
    channel.publish(exchange, queue ?? key, Buffer.from(JSON.stringify({ key, n })), {
      type: 'placed',
      messageId: `${key}-${n}`,
      persistent: true,
    });
  await channel.waitForConfirms();
  await channel.close();
}

const doneIn = (ledger: string): Set<string> =>
  new Set(read(ledger).flatMap(({ what, key, n }) => (what === 'done' ? [`${key} ${n}`] : [])));

describe.each(['nest', 'golevelup'])('%s', (kind) => {
  it.each(['is killed', 'closes'] as const)(
    'keeps the order of each key when an instance %s',
    async (how) => {
      const name = `${kind}-${how.replace(' ', '-')}`;
      const queue = broker.name(name);
      const exchange = broker.name(`${name}.hash`);
      const topology = orderedTopology({ exchange, queue, partitions: PARTITIONS });
      topology.queues.forEach((_, at) => broker.name(`${name}.${at + 1}`));
      await topology.declare(() => connect(broker.url));
      const ledger = join(folder, name);
      const instance = (who: string) => started(who, { kind, ledger, ...topology });
      const first = await instance('first');
      const second = await instance('second');
      await publish(exchange, numbered(KEYS, MESSAGES / KEYS));
      await waitFor(() => read(ledger).length > 60, { intervalMs: 1 });
      await (how === 'closes' ? first.leave() : first.kill());
      await waitFor(() => doneIn(ledger).size === MESSAGES, { deadlineMs: 60_000 });
      await second.leave();

      const lines = read(ledger);
      expect(new Set(lines.map(({ who }) => who))).toEqual(new Set(['first', 'second']));
      expect(violations(lines)).toEqual([]);
      expect(overlaps(lines, how === 'is killed' ? 'first' : undefined)).toEqual([]);
      const begun = lines.filter(({ what }) => what === 'begun').length;
      // What closes finishes and settles what it has begun; of what dies, what it had not settled comes twice.
      expect(begun).toBeGreaterThanOrEqual(MESSAGES);
      expect(begun).toBeLessThanOrEqual(
        how === 'closes' ? MESSAGES : MESSAGES + PARTITIONS * PREFETCH,
      );
      for (const one of topology.queues)
        await expect(broker.queue(one)).resolves.toMatchObject({ messages: 0 });
    },
  );

  it.each([
    { queueType: 'quorum', more: { 'x-delivery-limit': 20 } },
    { queueType: 'classic', more: {} },
  ])('goes on in order after it was killed: a $queueType queue', async ({ queueType, more }) => {
    const name = `${kind}-${queueType}`;
    const queue = broker.name(name);
    const queueOptions = { durable: true, arguments: { 'x-queue-type': queueType, ...more } };
    const ledger = join(folder, name);
    const consumed = { kind, queues: [queue], queueOptions, ledger };
    const first = await started('first', consumed);
    await publish('', numbered(4, 50), queue);
    await waitFor(() => read(ledger).length > 40, { intervalMs: 1 });
    await first.kill();
    const second = await started('second', consumed);
    await waitFor(() => doneIn(ledger).size === 200, { deadlineMs: 30_000 });
    await second.leave();
    const lines = read(ledger);
    expect(new Set(lines.map(({ who }) => who))).toEqual(new Set(['first', 'second']));
    expect(violations(lines)).toEqual([]);
    expect(overlaps(lines, 'first')).toEqual([]);
    await expect(broker.queue(queue)).resolves.toMatchObject({ messages: 0 });
  });
});

describe('orderedTopology()', () => {
  it('spreads by a header what comes from another exchange, always to the same queue', async () => {
    const exchange = broker.name('by-header.hash');
    const source = broker.name('by-header.events');
    const queue = broker.name('by-header');
    const channel = await broker.confirmChannel();
    await channel.assertExchange(source, 'topic', { durable: true });
    const topology = orderedTopology({
      exchange,
      queue,
      partitions: 4,
      header: 'x-order',
      sources: [{ exchange: source, routingKey: 'order.*' }],
    });
    topology.queues.forEach((_, at) => broker.name(`by-header.${at + 1}`));
    await topology.declare(() => connect(broker.url));
    // Again, as every instance does.
    await topology.declare(() => connect(broker.url));
    for (let n = 0; n < 300; n += 1)
      channel.publish(source, n % 2 ? 'order.placed' : 'order.paid', Buffer.from('{}'), {
        headers: { 'x-order': `order-${n % 50}` },
      });
    await channel.waitForConfirms();
    const spread = await Promise.all(
      topology.queues.map(async (one) => {
        const taken: string[] = [];
        // Nobody else may ask for a message of a queue with a single active consumer.
        await channel.consume(
          one,
          (message) => taken.push(String(message?.properties.headers?.['x-order'])),
          { noAck: true },
        );
        return taken;
      }),
    );
    await waitFor(() => spread.flat().length === 300);
    expect(spread.filter((taken) => taken.length > 0).length).toBeGreaterThan(1);
    const places = spread.flatMap((taken) => [...new Set(taken)]);
    expect(new Set(places).size).toBe(places.length);
    await channel.close();
  });

  it('says what is wrong', () => {
    expect(() =>
      orderedTopology({
        exchange: '',
        queue: 7,
        partitions: 0,
        sources: [{ exchange: 'events' }],
        nope: 1,
      } as never),
    ).toThrow(
      /orderedTopology\(\) is not configured correctly(?=.*nope)(?=.*exchange)(?=.*queue: 7)(?=.*partitions)(?=.*sources: give a list)(?=.*header)/s,
    );
    expect(() => orderedTopology({ exchange: 'e', queue: 'q' } as never)).toThrow(
      RabbitMqConfigurationError,
    );
  });

  // As amqplib gives what the two have said.
  it.each([
    [
      'RabbitMQ 3.10.8',
      `Connection closed: 503 (COMMAND-INVALID) with message "COMMAND_INVALID - unknown exchange type 'x-consistent-hash'"`,
    ],
    [
      'RabbitMQ 4.0.5',
      `Operation failed: ExchangeDeclare; 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - unknown exchange type 'x-consistent-hash'"`,
    ],
  ])('says which plugin is missing in %s', async (_, words) => {
    const refused = new Error(words);
    const connection = {
      on: () => {},
      close: () => Promise.reject(new Error('closed already')),
      createChannel: () =>
        Promise.resolve({
          on: () => {},
          assertExchange: () => Promise.reject(refused),
          assertQueue: () => Promise.resolve(),
          bindQueue: () => Promise.resolve(),
          bindExchange: () => Promise.resolve(),
        }),
    };
    const { declare } = orderedTopology({ exchange: 'e', queue: 'q', partitions: 2 });
    await expect(declare(() => Promise.resolve(connection))).rejects.toThrow(
      /rabbitmq_consistent_hash_exchange/,
    );
  });
});
