// The numbers of a key's messages: what is missing, late or twice is told, and waited for where that is asked. Behind Nest and golevelup.
import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { Discard, DeadLetter } from '@acme/nest-message-context';
import { RabbitMqEvents, type RabbitMqEvent, type SequenceOptions } from '@acme/nest-rabbitmq';
import type { Options } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import { CONSUMERS, slug, type ConsumerOptions } from './support/consumers.js';
import { KeptOrder } from './support/kept-order.js';
import {
  keyedBy,
  Ledger,
  ofMessage,
  orderedGround,
  retry,
  type Numbered,
} from './support/ordered-ground.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

type Found = Extract<RabbitMqEvent, { type: 'out_of_sequence' }>;

const withNumber = ({ n }: Numbered): Options.Publish => ({ headers: { 'x-sequence': n } });
const of = (key: string, ...numbers: number[]): Numbered[] => numbers.map((n) => ({ key, n }));

describe.each(CONSUMERS)('%s', (kind, open) => {
  function scene() {
    const ground = orderedGround(broker, open, `${slug(kind)}-sequence`);
    const ledger = new Ledger();
    const order = new KeptOrder();
    const found: Found[] = [];
    const start = async (sequence: SequenceOptions, options: Partial<ConsumerOptions> = {}) => {
      const consumer = await ground.open({
        module: { retry },
        ordered: { key: keyedBy, sequence },
        order,
        handle: (handled) => ledger.handle(ofMessage(handled), () => {}),
        ...options,
      });
      consumer.app
        .get(RabbitMqEvents)
        .events$.subscribe((event) => void (event.type === 'out_of_sequence' && found.push(event)));
      return consumer;
    };
    const publish = (messages: readonly Numbered[], properties = withNumber) =>
      ground.publish(messages, properties);
    const done = (count: number) =>
      waitFor(() => ledger.done.length === count, { what: `${count} messages` });
    const findings = () => found.map(({ finding, number, missing }) => [finding, number, missing]);
    return { ...ground, publish, ledger, order, found, findings, done, start };
  }

  it('tells what is missing, what comes late and what comes twice, and handles it', async () => {
    const { start, publish, ledger, findings, done, queue, closedAndEmpty } = scene();
    const consumer = await start({});
    await publish([...of('k0', 1, 2, 5, 4, 2, 6), ...of('k1', 7, 8)]);
    await done(8);
    expect([ledger.of('k0'), ledger.of('k1')]).toEqual([
      [1, 2, 5, 4, 2, 6],
      [7, 8],
    ]);
    expect(findings()).toEqual([
      ['gap', 5, 2],
      ['late', 4, undefined],
      ['duplicate', 2, undefined],
    ]);
    expect(consumer.log.messages('warn')).toEqual(
      expect.arrayContaining([
        expect.stringContaining(
          `Number 5 of the key "k0" of "${queue}" (k0-5) is handled although the numbers 3 to 4 have not come`,
        ),
        expect.stringContaining(`Number 4 of the key "k0" of "${queue}" (k0-4) comes late`),
        expect.stringContaining(
          `Number 2 of the key "k0" of "${queue}" (k0-2) has been handled before`,
        ),
      ]),
    );
    await closedAndEmpty(consumer);
  });

  it('knows what came last after a restart, and what should have come first', async () => {
    const { start, publish, findings, done, closedAndEmpty } = scene();
    const before = await start({ startsAt: 1 });
    await publish(of('k0', 2, 3));
    await done(2);
    expect(findings()).toEqual([['gap', 2, 1]]);
    await before.close();
    const consumer = await start({ startsAt: 1 });
    await publish(of('k0', 5, 1));
    await done(4);
    expect(findings().slice(1)).toEqual([
      ['gap', 5, 1],
      ['late', 1, undefined],
    ]);
    await closedAndEmpty(consumer);
  });

  it('holds what came too early until the others have come', async () => {
    const { start, publish, ledger, findings, done, closedAndEmpty } = scene();
    const consumer = await start({ onGap: 'hold', holdMax: '1m' });
    await publish([...of('k0', 1, 4, 3), ...of('k1', 1, 2)]);
    // Other keys do not wait.
    await done(3);
    await publish(of('k0', 6, 2));
    await done(6);
    await publish(of('k0', 5));
    await done(8);
    expect(ledger.of('k0')).toEqual([1, 2, 3, 4, 5, 6]);
    expect(findings()).toEqual([]);
    await closedAndEmpty(consumer);
  });

  it('waits for what comes back from a wait queue', async () => {
    const { start, publish, ledger, findings, done, closedAndEmpty } = scene();
    let failures = 0;
    const consumer = await start(
      { onGap: 'hold', startsAt: 1 },
      {
        ordered: {
          key: keyedBy,
          onFailure: 'skip',
          sequence: { onGap: 'hold', startsAt: 1 },
        },
        handle: (handled) =>
          ledger.handle(ofMessage(handled), () => {
            if (ofMessage(handled).n === 1 && (failures += 1) < 3) throw new Error('not now');
          }),
      },
    );
    await publish(of('k0', 1, 2, 3));
    await done(3);
    expect([ledger.of('k0'), failures]).toEqual([[1, 2, 3], 3]);
    expect(findings()).toEqual([]);
    await closedAndEmpty(consumer);
  });

  it('goes on without what does not come', async () => {
    const { start, publish, ledger, findings, done, closedAndEmpty } = scene();
    const consumer = await start({ onGap: 'hold', holdMax: 60 });
    await publish(of('k0', 1, 3, 4));
    await done(3);
    expect(ledger.of('k0')).toEqual([1, 3, 4]);
    expect(findings()).toEqual([['gap', 3, 1]]);
    expect(consumer.log.messages('warn').join()).toContain('after 60 ms of waiting');
    await closedAndEmpty(consumer);
  });

  it.each([
    { what: 'was discarded', failure: () => new Discard('OLD'), late: [] },
    { what: 'was parked', failure: () => new DeadLetter('BAD'), late: [['late', 2, undefined]] },
  ])('does not wait for what $what', async ({ failure, late }) => {
    const { start, publish, ledger, findings, done, queue, closedAndEmpty } = scene();
    let fails = true;
    const consumer = await start(
      { onGap: 'hold', holdMax: '1m' },
      {
        handle: (handled) =>
          ledger.handle(ofMessage(handled), () => {
            if (ofMessage(handled).n === 2 && fails) throw failure();
          }),
      },
    );
    await publish(of('k0', 1, 2, 3));
    await done(2);
    expect(findings()).toEqual([]);
    fails = false;
    if (late.length > 0) {
      await consumer.deadLetters.redrive(`${queue}.dlq`);
      await done(3);
    }
    expect(findings()).toEqual(late);
    await closedAndEmpty(consumer);
  });

  it('gives back what it holds when it closes, and nothing is lost or overtaken', async () => {
    const { start, publish, ledger, findings, done, depth, order, closedAndEmpty } = scene();
    const held = { onGap: 'hold', holdMax: '1m' } as const;
    const before = await start(held);
    await publish([...of('k0', 1, 3, 4), ...of('k1', 1)]);
    await done(2);
    await waitFor(() => order.asked.filter((one) => one === 'read k0').length >= 2);
    await before.close();
    // The broker takes back what a connection had once it has noticed that it is gone.
    await waitFor(async () => (await depth()) === 2);
    const consumer = await start(held);
    await publish(of('k0', 2));
    await done(5);
    expect(ledger.of('k0')).toEqual([1, 2, 3, 4]);
    expect(findings()).toEqual([]);
    await closedAndEmpty(consumer);
  });

  it('handles without a look what has no number, and while the store is away', async () => {
    const { start, publish, ledger, findings, done, order, closedAndEmpty } = scene();
    const consumer = await start({ onGap: 'hold' });
    await publish(of('k0', 1, 2, 3), () => ({}));
    await done(3);
    order.answers = () => {
      throw new Error('the store is away');
    };
    await publish(of('k0', 7, 9));
    await done(5);
    expect([ledger.of('k0'), findings()]).toEqual([[1, 2, 3, 7, 9], []]);
    const warnings = consumer.log.messages('warn');
    expect(warnings.filter((text) => text.includes('no whole number'))).toHaveLength(1);
    expect(warnings.filter((text) => text.includes('order store (tests)'))).toHaveLength(1);
    await closedAndEmpty(consumer);
  });
});
