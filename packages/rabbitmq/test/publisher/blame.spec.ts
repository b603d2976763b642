import { EventEmitter } from 'node:events';
import { waitFor } from '@acme/internal-testing';
import type { OutboundMessage, PublishOutcome } from '@acme/nest-message-context';
import { GolevelupPublisher, type RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { afterEach, expect, it, vi } from 'vitest';
import { FakeConnection, fakePublisher } from '../support/fake-amqp.js';

type Publisher = GolevelupPublisher | RabbitMqPublisher;

const open: Publisher[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const publisher of open.splice(0)) await publisher.close();
});

const FRAME_ERROR = Object.assign(new Error('501 (FRAME-ERROR)'), { code: 501 });
const LONG = { trail: 'x'.repeat(10_000) };
const LOST = { status: 'unknown', error: { reason: 'CONNECTION_LOST', cause: FRAME_ERROR } };
const BLAMED = { status: 'rejected', error: { reason: 'INVALID', cause: FRAME_ERROR } };

const UNKNOWN = { status: 'unknown', error: { reason: 'CONNECTION_LOST' } };
const REFUSED = { status: 'rejected', error: { reason: 'EXCHANGE_UNAVAILABLE' } };

const message = (headers?: OutboundMessage['headers']): OutboundMessage => ({
  type: 'a',
  payload: 1,
  ...(headers && { headers }),
});

/** Sends these, and tells what becomes of each. */
function sent(publisher: Publisher, ...messages: OutboundMessage[]): PublishOutcome[] {
  const outcomes: PublishOutcome[] = [];
  publisher.publishEach(messages, (index, outcome) => (outcomes[index] = outcome));
  return outcomes;
}

/** Sends one there that is confirmed: the exchange is known from then on. */
async function checked(
  publisher: Publisher,
  connection: FakeConnection | undefined,
  exchange: string,
): Promise<void> {
  const outcome = publisher.publish([{ ...message(), exchange }]);
  await new Promise(setImmediate);
  connection?.channel.confirmAll();
  await outcome;
}

/** As `amqplib` tells it. */
function fail(connection: FakeConnection | undefined, error: Error): void {
  connection?.emit('error', error);
  connection?.channel.emit('close');
  connection?.emit('close', error);
}

async function own() {
  const { publisher, connections } = fakePublisher({ publishTimeout: 1_000 });
  open.push(publisher);
  await publisher.prepare();
  return { publisher, connection: connections[0] };
}

async function borrowed() {
  const connection = new FakeConnection();
  const managedConnection = Object.assign(new EventEmitter(), { connection });
  const publisher = new GolevelupPublisher({ connection: { managedConnection } as never });
  open.push(publisher);
  await publisher.prepare();
  // Its owner's.
  connection.on('error', () => {});
  return { publisher, connection };
}

it.each([501, 502])(
  'blames the message that was alone when the broker refused a frame: %i',
  async (code) => {
    const { publisher, connection } = await own();
    const outcomes = sent(publisher, message());
    fail(connection, Object.assign(new Error('refused'), { code }));
    expect(outcomes).toMatchObject([{ status: 'rejected', error: { reason: 'INVALID' } }]);
  },
);

it('blames none of several, nor one whose connection fails for another reason', async () => {
  const { publisher, connection } = await own();
  const outcomes = sent(publisher, message(LONG), message(LONG));
  fail(connection, FRAME_ERROR);
  expect(outcomes).toMatchObject([LOST, LOST]);

  for (const code of [undefined, 320, 541, 'ECONNRESET', '501']) {
    const other = await own();
    const lone = sent(other.publisher, message(LONG));
    fail(other.connection, Object.assign(new Error('gone'), { code }));
    expect(lone).toMatchObject([{ status: 'unknown', error: { reason: 'CONNECTION_LOST' } }]);
  }
});

it("on somebody else's connection, blames only a message that can be too long for a frame", async () => {
  const innocent = await borrowed();
  const small = sent(innocent.publisher, message({ trail: 'short' }));
  fail(innocent.connection, FRAME_ERROR);
  expect(small).toMatchObject([LOST]);

  const guilty = await borrowed();
  const long = sent(guilty.publisher, message(LONG));
  fail(guilty.connection, FRAME_ERROR);
  expect(long).toMatchObject([BLAMED]);
});

it('blames none while the broker may not have read one before it, whose time is up', async () => {
  const { publisher, connection } = await own();
  vi.useFakeTimers();
  const first = sent(publisher, message(LONG));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(first).toMatchObject([{ status: 'unknown', error: { reason: 'TIMEOUT' } }]);
  const second = sent(publisher, message());
  fail(connection, FRAME_ERROR);
  expect(second).toMatchObject([LOST]);
});

it('blames again when that one was answered at last', async () => {
  const { publisher, connection } = await own();
  vi.useFakeTimers();
  sent(publisher, message());
  await vi.advanceTimersByTimeAsync(1_000);
  connection?.channel.confirmAll();
  const second = sent(publisher, message(LONG));
  fail(connection, FRAME_ERROR);
  expect(second).toMatchObject([BLAMED]);
});

it('publishes on a new connection after that', async () => {
  const { publisher, connections } = fakePublisher();
  open.push(publisher);
  await publisher.prepare();
  sent(publisher, message(LONG));
  fail(connections[0], FRAME_ERROR);
  const again = publisher.publish([message()]);
  await waitFor(() => connections[1]?.channel.written.length === 1);
  connections[1]?.channel.confirmAll();
  await expect(again).resolves.toEqual([{ status: 'confirmed' }]);
  expect(connections[0]?.closes).toBe(1);
});

it('blames all that went to the exchange that the broker names, and nothing else', async () => {
  const { publisher, connection } = await own();
  const to = (exchange: string) => ({ ...message(), exchange });
  await Promise.all(['gone', 'there'].map((exchange) => checked(publisher, connection, exchange)));
  const outcomes = sent(publisher, to('gone'), to('there'), to('gone'));
  connection?.channel.emit('error', new Error("NOT_FOUND - no exchange 'gone' in vhost '/'"));
  expect(outcomes).toMatchObject([REFUSED, UNKNOWN, REFUSED]);
});

it('blames only the routing key, where the broker names one, in that exchange', async () => {
  const { publisher, connection } = await own();
  const to = (exchange: string, routingKey: string) => ({ ...message(), exchange, routingKey });
  await Promise.all(['e', 'f'].map((exchange) => checked(publisher, connection, exchange)));
  const outcomes = sent(publisher, to('e', 'no'), to('e', 'yes'), to('f', 'no'));
  const refusal =
    "ACCESS_REFUSED - write access to topic 'no' in exchange 'e' in vhost '/' refused for user 'u'";
  connection?.channel.emit('error', new Error(refusal));
  expect(outcomes).toMatchObject([REFUSED, UNKNOWN, UNKNOWN]);
});

it('blames none of several where the broker names nothing', async () => {
  const { publisher, connection } = await own();
  const outcomes = sent(publisher, message(), message());
  connection?.channel.emit('error', new Error('PRECONDITION_FAILED - message size too large'));
  expect(outcomes).toMatchObject([UNKNOWN, UNKNOWN]);
});
