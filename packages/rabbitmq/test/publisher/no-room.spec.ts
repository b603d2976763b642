import { EventEmitter } from 'node:events';
import { RabbitMqPublisher, type RabbitMqPublisherOptions } from '@acme/nest-rabbitmq';
import { afterEach, expect, it, vi } from 'vitest';

type Connection = Awaited<ReturnType<RabbitMqPublisherOptions['connect']>>;

/** A connection that the broker has blocked: nothing is confirmed, and nothing may be sent. */
class BlockedConnection extends EventEmitter {
  createConfirmChannel = async () =>
    Object.assign(new EventEmitter(), {
      publish: vi.fn<() => boolean>(() => true),
      checkExchange: async () => {},
      close: async () => {},
    });
  createChannel = this.createConfirmChannel;
  close = async () => {};
  /** As `amqplib` has it. */
  readonly connection = { stream: { destroy: vi.fn<(error: Error) => void>() } };
}

afterEach(() => vi.useRealTimers());

it('all messages of a call are told together that there is no room, after publishTimeout', async () => {
  vi.useFakeTimers();
  const connection = new BlockedConnection();
  const publisher = new RabbitMqPublisher({
    connect: async () => connection as unknown as Connection,
    publishTimeout: 1_000,
  });
  await publisher.prepare();
  connection.emit('blocked', 'low on memory');
  const told: [number, string][] = [];
  const messages = Array.from({ length: 50 }, (_, n) => ({ type: 'a', payload: n }));
  publisher.publishEach(messages, (index, { status }) => told.push([index, status]));
  await vi.advanceTimersByTimeAsync(900);
  expect(told).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  expect(told).toEqual(messages.map((_, index) => [index, 'unknown']));
  await publisher.close();
});

it('a connection whose broker does not even answer close() is cut, so that it does not keep the process', async () => {
  vi.useFakeTimers();
  const connection = new BlockedConnection();
  connection.close = () => new Promise(() => {});
  const publisher = new RabbitMqPublisher({
    connect: async () => connection as unknown as Connection,
    publishTimeout: 1_000,
  });
  await publisher.prepare();
  connection.emit('blocked', 'low on memory');
  const closing = publisher.close();
  await vi.advanceTimersByTimeAsync(1_000);
  await closing;
  // Without an error, the client would not take it for the end, and go on with its heartbeats.
  expect(connection.connection.stream.destroy).toHaveBeenCalledExactlyOnceWith(expect.any(Error));
});
