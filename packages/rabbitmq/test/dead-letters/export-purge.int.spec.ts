import { declareQueue, takeAll, testBroker, type TestBroker } from '@acme/internal-testing';
import {
  DeadLetters,
  importedMessage,
  type ExportedMessage,
  type ExportOptions,
} from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import { depth, failedIn, parkedQueue, QUEUE_KINDS, unchanged } from '../support/parked.js';

let broker: TestBroker;
let desk: DeadLetters;
beforeAll(async () => {
  broker = await testBroker();
  desk = new DeadLetters({ connect: () => connect(broker.url) });
});

const exported = async (queue: string, options?: ExportOptions): Promise<ExportedMessage[]> => {
  const all: ExportedMessage[] = [];
  for await (const one of desk.export(queue, options)) all.push(one);
  return all;
};

/** Everything that AMQP and amqplib can carry. */
const rich = (origin: string) => [
  {
    body: Buffer.from([0, 0xff, 0xc3, 0x28]),
    properties: {
      messageId: 'm-1',
      type: 'placed',
      contentType: 'application/octet-stream',
      contentEncoding: 'gzip',
      correlationId: 'c-1',
      replyTo: 'replies',
      expiration: '86400000',
      appId: 'shop',
      priority: 7,
      timestamp: 1_700_000_000,
      headers: {
        text: 'ünïcode \u0000 \u2028',
        yes: true,
        nothing: null,
        number: -12.5,
        large: 2 ** 53 - 1,
        half: { '!': 'double', value: 0.5 },
        bytes: Buffer.from([1, 0xff]),
        when: { '!': 'timestamp', value: 1_700_000_000 },
        price: { '!': 'decimal', value: { digits: 1999, places: 2 } },
        list: [1, 'two', Buffer.from([3]), [null, { four: Buffer.from([4]) }]],
        table: { __proto__ignored: 1, empty: {}, none: [] },
        ...failedIn(origin),
      },
    },
  },
  { body: '{"price":"1€"}', properties: { messageId: 'm-2', headers: failedIn(origin) } },
  { body: '', properties: {} },
];

describe.each(QUEUE_KINDS)('export from %s', (label, args) => {
  const name = `export.${label.replaceAll(' ', '-')}`;

  it('loses nothing on the way to a line of JSON and back, and leaves every message', async () => {
    const origin = broker.name(`${name}.orders`);
    const queue = await parkedQueue(broker, name, rich(origin), args);
    const lines = (await exported(queue)).map((one) => JSON.stringify(one));
    expect(lines.every((line) => !line.includes('\n'))).toBe(true);
    await expect(depth(broker, queue)).resolves.toBe(3);
    const originals = (await takeAll(broker, queue)).map(unchanged);

    const copies = await declareQueue(broker, `${name}.copies`, { arguments: args });
    const channel = await broker.confirmChannel();
    for (const line of lines) {
      const { content, properties, queue: from, exchange, routingKey } = importedMessage(line);
      expect([from, exchange, routingKey]).toEqual([queue, '', queue]);
      channel.sendToQueue(copies, content, properties);
    }
    await channel.waitForConfirms();
    expect((await takeAll(broker, copies)).map(unchanged)).toEqual(originals);
  });
});

describe('export', () => {
  it('gives what is readable as text, the rest as base64', async () => {
    const queue = await parkedQueue(broker, 'export.readable', rich('orders'));
    await expect(exported(queue, { filter: { queue: 'orders' } })).resolves.toMatchObject([
      {
        body: 'AP/DKA==',
        bodyEncoding: 'base64',
        properties: {
          headers: {
            bytes: { '!': 'bytes', value: 'Af8=' },
            half: 0.5,
            price: { '!': 'decimal', value: { digits: 1999, places: 2 } },
          },
        },
      },
      { body: '{"price":"1€"}', bodyEncoding: 'utf8' },
    ]);
    await expect(exported(queue, { limit: 1 })).resolves.toHaveLength(1);
    await expect(exported(queue, { scan: 2 })).resolves.toHaveLength(2);
  });

  it('gives everything back when it is left early', async () => {
    const bodies = Array.from({ length: 20 }, (_, n) => ({ body: `${n}` }));
    const queue = await parkedQueue(broker, 'export.left', bodies);
    for await (const { body } of desk.export(queue)) if (body === '3') break;
    await expect(desk.list(queue)).resolves.toMatchObject({ ready: 20, looked: 20 });
  });
});

describe.each(QUEUE_KINDS)('purge of %s', (label, args) => {
  const name = `purge.${label.replaceAll(' ', '-')}`;
  const messages = Array.from({ length: 30 }, (_, n) => ({
    body: `${n}`,
    properties: { headers: failedIn('orders', { 'x-error-code': n % 3 ? 'KEEP' : 'DROP' }) },
  }));

  it('throws away what the filter says, and nothing else', async () => {
    const queue = await parkedQueue(broker, name, messages, args);
    const filter = { code: 'DROP' };
    await expect(desk.purge(queue, { filter, dryRun: true })).resolves.toMatchObject({
      dryRun: true,
      purged: 10,
      unmatched: 20,
      sample: expect.objectContaining({ length: 10 }) as unknown,
    });
    await expect(depth(broker, queue)).resolves.toBe(30);
    await expect(desk.purge(queue, { filter, limit: 4 })).resolves.toMatchObject({
      purged: 4,
      end: 'limit',
    });
    await expect(desk.purge(queue, { filter })).resolves.toMatchObject({ purged: 6, end: 'done' });
    const left = (await takeAll(broker, queue)).map(({ content }) => Number(content.toString()));
    expect(left.toSorted((one, other) => one - other)).toEqual(
      messages.map((_, n) => n).filter((n) => n % 3 !== 0),
    );
  });

  it('is done with what it has thrown away when it says so: nothing of it comes back', async () => {
    const many = Array.from({ length: 2_000 }, () => messages[0]!);
    const queue = await parkedQueue(broker, `${name}.many`, many, args);
    const purged = desk.purge(queue, { filter: { code: 'DROP' } });
    await expect(purged).resolves.toMatchObject({ purged: 2_000 });
    await expect(desk.list(queue)).resolves.toMatchObject({ ready: 0, looked: 0 });
    await expect(depth(broker, queue)).resolves.toBe(0);
  });

  it('throws everything away only when it is told so', async () => {
    const queue = await parkedQueue(broker, `${name}.all`, messages, args);
    await expect(desk.purge(queue, {})).rejects.toThrow(/filter: missing/);
    await expect(desk.purge(queue, { all: true, filter: { code: 'DROP' } })).rejects.toThrow(
      /all:/,
    );
    await expect(depth(broker, queue)).resolves.toBe(30);
    await expect(desk.purge(queue, { all: true, dryRun: true })).resolves.toMatchObject({
      purged: 30,
    });
    await expect(depth(broker, queue)).resolves.toBe(30);
    await expect(desk.purge(queue, { all: true })).resolves.toMatchObject({ purged: 30 });
    await expect(depth(broker, queue)).resolves.toBe(0);
  });
});
