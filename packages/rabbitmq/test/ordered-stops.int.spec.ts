// How long a key is stopped: until nothing of it is parked any more, whatever happens to its store and beside it.
import { setTimeout as sleep } from 'node:timers/promises';
import { tcpProxy, testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { DeadLetter } from '@acme/nest-message-context';
import { RabbitMqEvents } from '@acme/nest-rabbitmq';
import { beforeAll, describe, expect, it } from 'vitest';
import { CONSUMERS, slug, type ConsumerOptions } from './support/consumers.js';
import { KeptOrder } from './support/kept-order.js';
import {
  gateOf,
  keyedBy,
  Ledger,
  numbered,
  ofMessage,
  orderedGround,
} from './support/ordered-ground.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

const parkKey = { key: keyedBy, onFailure: 'park-key' } as const;

describe.each(CONSUMERS)('%s', (kind, open) => {
  function scene() {
    const ground = orderedGround(broker, open, `${slug(kind)}-stops`);
    const ledger = new Ledger();
    const order = new KeptOrder();
    const handler = { does: (): unknown => undefined };
    const fail = (): never => {
      throw new DeadLetter('BAD');
    };
    const start = (options: Partial<ConsumerOptions> = {}) =>
      ground.open({
        ordered: parkKey,
        order,
        handle: (handled) => ledger.handle(ofMessage(handled), () => handler.does()),
        ...options,
      });
    const untilParked = (count: number) =>
      waitFor(async () => (await ground.depth('.dlq')) === count, { what: `${count} parked` });
    return {
      ...ground,
      ledger,
      order,
      handler,
      fail,
      start,
      untilParked,
      dead: `${ground.queue}.dlq`,
    };
  }

  it('goes on where another process lets it, while a message of it is handled', async () => {
    const { start, publish, ledger, order, handler, fail, dead, untilParked, closedAndEmpty } =
      scene();
    const gate = gateOf();
    handler.does = fail;
    const consumer = await start();
    await publish(numbered(1, 3));
    await untilParked(3);
    handler.does = () => gate.opened;
    await consumer.deadLetters.redrive(dead, { filter: { messageId: 'k0-1' } });
    await waitFor(() => consumer.handled.length === 2);
    await consumer.deadLetters.purge(dead, { all: true });
    // As OrderedKeys.release() does there.
    order.kept.delete('k0');
    gate.open();
    await publish([{ key: 'k0', n: 4 }]);
    await waitFor(() => ledger.done.length === 2);
    expect(ledger.of('k0')).toEqual([1, 4]);
    await closedAndEmpty(consumer);
  });

  it('stays stopped by another instance that has taken over, whatever ends here', async () => {
    const { start, publish, ledger, order, handler, untilParked, closedAndEmpty } = scene();
    const proxy = await tcpProxy(broker.url);
    const gate = gateOf();
    handler.does = () => gate.opened;
    const ordered = { ...parkKey, sequence: {} };
    const consumer = await start({ ordered, broker: { ...broker, url: proxy.url } });
    await publish(numbered(1, 2), ({ n }) => ({ headers: { 'x-sequence': n } }));
    await waitFor(() => consumer.handled.length === 1);
    const { arrival } = consumer.handled[0]!.message;
    proxy.cut();
    await waitFor(() => arrival?.isLost === true);
    const line = { given: 1, done: 0, firstId: 'another', lastId: 'another', since: 1 };
    order.kept.set('k0', JSON.stringify({ sequence: { last: 0, missing: [] }, line }));
    gate.open();
    await untilParked(2);
    expect(ledger.of('k0')).toEqual([1]);
    await closedAndEmpty(consumer);
    // What was lost with the connection comes again, and is there once.
    await untilParked(2);
  });

  it('is not stopped before what came before has passed its guard', async () => {
    const { start, publish, ledger, untilParked, closedAndEmpty } = scene();
    let asked = 0;
    const consumer = await start({
      guard: async () => {
        asked += 1;
        if (asked === 2) throw new DeadLetter('NOT_ALLOWED');
        if (asked === 1) await waitFor(() => asked === 3).then(() => sleep(20));
        return true;
      },
    });
    await publish(numbered(1, 3));
    await untilParked(2);
    expect(ledger.of('k0')).toEqual([1]);
    await closedAndEmpty(consumer);
  });

  it('is not said to come late with what is redriven', async () => {
    const { start, publish, ledger, handler, fail, dead, untilParked, closedAndEmpty } = scene();
    const told: string[] = [];
    handler.does = fail;
    const consumer = await start({ ordered: { ...parkKey, sequence: { startsAt: 1 } } });
    consumer.app.get(RabbitMqEvents).events$.subscribe(({ type }) => void told.push(type));
    await publish(numbered(1, 3), ({ n }) => ({ headers: { 'x-sequence': n } }));
    await untilParked(3);
    handler.does = () => undefined;
    await consumer.deadLetters.redrive(dead);
    await waitFor(() => ledger.done.length === 3);
    await closedAndEmpty(consumer);
    expect(told).not.toContain('out_of_sequence');
  });

  it('goes on behind what was rejected by hand and has thrown', async () => {
    const { start, publish, ledger, handler, fail, dead, untilParked, closedAndEmpty } = scene();
    handler.does = fail;
    const consumer = await start({
      handle: (handled) =>
        ledger.handle(ofMessage(handled), () => {
          if (consumer.handled.length === 2) handled.message.delivery.settle({ action: 'reject' });
          handler.does();
        }),
    });
    await publish(numbered(1, 1));
    await untilParked(1);
    await consumer.deadLetters.redrive(dead);
    await waitFor(() => consumer.handled.length === 2);
    handler.does = () => undefined;
    await publish(numbered(1, 2).slice(1));
    await waitFor(() => ledger.done.length === 1);
    expect(ledger.of('k0')).toEqual([2]);
    await closedAndEmpty(consumer);
  });

  it('is stopped once, and told, where its store has kept that without an answer', async () => {
    const { start, publish, ledger, order, handler, fail, dead, untilParked, closedAndEmpty } =
      scene();
    const told: string[] = [];
    let writes = 0;
    order.written = () => {
      if ((writes += 1) === 1) throw new Error('the answer was lost');
    };
    handler.does = fail;
    const consumer = await start();
    consumer.app.get(RabbitMqEvents).events$.subscribe(({ type }) => void told.push(type));
    await publish(numbered(1, 1), () => ({ messageId: undefined }) as object);
    await untilParked(1);
    handler.does = () => undefined;
    await consumer.deadLetters.redrive(dead);
    await waitFor(() => ledger.done.length === 1);
    await waitFor(() => told.includes('key_resumed'));
    expect(told.filter((type) => type.startsWith('key_'))).toEqual(['key_stopped', 'key_resumed']);
    await closedAndEmpty(consumer);
  });
});
