import { waitFor } from '@acme/internal-testing';
import type { PublishOutcome } from '@acme/nest-message-context';
import { afterEach, expect, it, vi } from 'vitest';
import { fakePublisher } from '../support/fake-amqp.js';

const made: ReturnType<typeof fakePublisher>[] = [];
const fake = (...options: Parameters<typeof fakePublisher>) => {
  const one = fakePublisher(...options);
  made.push(one);
  return one;
};
afterEach(async () => {
  vi.useRealTimers();
  for (const { publisher, connections } of made.splice(0)) {
    for (const connection of connections) connection.emit('close');
    await publisher.close();
  }
});

const message = (routingKey: string) => ({ type: 'a', payload: 1, routingKey });

it('blames only the message that the broker closed the channel for, not those published because of it', async () => {
  const { publisher, connections } = fake();
  await publisher.prepare();
  const told: [string, PublishOutcome][] = [];
  // As a relay does: what frees a place lets the next one go.
  const publish = (...keys: string[]): void =>
    publisher.publishEach(keys.slice(0, 1).map(message), (_, outcome) => {
      told.push([keys[0] as string, outcome]);
      if (keys.length > 1) publish(...keys.slice(1));
    });
  publish('poison', 'second', 'third');
  const [first] = connections;
  first?.channel.emit('error', new Error('PRECONDITION_FAILED - message size too large'));
  first?.channel.emit('close');
  // The broker ends the whole connection when something comes on a channel that it has closed.
  expect(first?.channel.written).toEqual(['poison']);
  await waitFor(() => connections[1]?.channel.written.length === 1);
  connections[1]?.channel.confirmAll();
  await waitFor(() => connections[1]?.channel.written.length === 2);
  connections[1]?.channel.confirmAll();
  expect(told).toEqual([
    ['poison', { status: 'rejected', error: expect.objectContaining({ code: 'PUBLISH_FAILED' }) }],
    ['second', { status: 'confirmed' }],
    ['third', { status: 'confirmed' }],
  ]);
});

it('opens another channel where one was closed before anybody could hear of it', async () => {
  const { publisher, connections } = fake();
  await publisher.prepare();
  const [first] = connections;
  // Without an event: it came together with the answer that opened the channel.
  Object.assign(first?.channel as object, { isClosed: true });
  await expect(publisher.publish([message('q')])).resolves.toMatchObject([
    { status: 'unknown', error: { reason: 'CONNECTION_LOST' } },
  ]);
  expect(first?.closes).toBe(1);
  const again = publisher.publish([message('q')]);
  await waitFor(() => connections[1]?.channel.written.length === 1);
  connections[1]?.channel.confirmAll();
  await expect(again).resolves.toEqual([{ status: 'confirmed' }]);
});

it('is closed when the connection is, and closes that once', async () => {
  const { publisher, connections } = fake();
  await publisher.prepare();
  let endClose: () => void = () => {};
  connections[0]!.closing = new Promise((done) => (endClose = done));
  const closed = vi.fn<() => void>();
  const closing = publisher.close().then(closed);
  await waitFor(() => connections[0]?.closes === 1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(closed).not.toHaveBeenCalled();
  endClose();
  await closing;
  expect(connections[0]?.closes).toBe(1);
});

it('says goodbye to a connection that fails only when that has ended, and is refused at once', async () => {
  const { publisher, connections } = fake();
  await publisher.prepare();
  const [first] = connections;
  first?.emit('error', new Error('Heartbeat timeout'));
  first?.emit('close');
  expect(first?.closes).toBe(0);
  await waitFor(() => first?.closes === 1);
});

it('leaves no timer behind where the outcome of one message leads to the next', async () => {
  vi.useFakeTimers();
  const { publisher, connections } = fake({ publishTimeout: 1_000 });
  await publisher.prepare();
  const before = vi.getTimerCount();
  publisher.publishEach([message('slow')], () =>
    publisher.publishEach([message('next')], () => {}),
  );
  await vi.advanceTimersByTimeAsync(500);
  publisher.publishEach([message('later')], () => {});
  await vi.advanceTimersByTimeAsync(500);
  expect(connections[0]?.channel.written).toEqual(['slow', 'later', 'next']);
  expect(vi.getTimerCount()).toBe(before + 1);
});

it('does not give a text to AMQP that a property cannot hold: it arrives as a header', async () => {
  const { publisher, connections } = fake();
  await publisher.prepare();
  const sent = vi.spyOn(connections[0]!.channel, 'publish');
  const publish = (id: string) =>
    publisher.publishEach([{ ...message('q'), headers: { 'x-correlation-id': id } }], () => {});
  for (const id of ['é'.repeat(127), 'é'.repeat(128)]) publish(id);
  const options = sent.mock.calls.map(([, , , given]) => given as { correlationId?: string });
  expect(options[0]?.correlationId).toBe('é'.repeat(127));
  expect(options[1]).not.toHaveProperty('correlationId');
  expect(options[1]).toMatchObject({ headers: { 'x-correlation-id': 'é'.repeat(128) } });
});

it('waits while the client can hold no more, and goes on when that has left', async () => {
  const { publisher, connections } = fake();
  await publisher.prepare();
  const { channel } = connections[0]!;
  channel.isFull = true;
  const all = publisher.publish(['a', 'b', 'c'].map(message));
  await new Promise((resolve) => setImmediate(resolve));
  expect(channel.written).toEqual(['a']);
  channel.isFull = false;
  channel.emit('drain');
  await waitFor(() => channel.written.length === 3);
  expect(channel.written).toEqual(['a', 'b', 'c']);
  channel.confirmAll();
  await expect(all).resolves.toEqual(Array(3).fill({ status: 'confirmed' }));
});

it('sends nothing that has waited for room on a connection that is lost meanwhile', async () => {
  const { publisher, connections } = fake({ window: 1 });
  await publisher.prepare();
  const [first] = connections;
  const all = publisher.publish(['a', 'b'].map(message));
  await waitFor(() => first?.channel.written.length === 1);
  first?.emit('close');
  await expect(all).resolves.toMatchObject([
    { status: 'unknown', error: { reason: 'CONNECTION_LOST' } },
    { status: 'unknown', error: { reason: 'CONNECTION_LOST' } },
  ]);
  expect(first?.channel.written).toEqual(['a']);
});
