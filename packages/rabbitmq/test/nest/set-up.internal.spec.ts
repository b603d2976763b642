import 'reflect-metadata';
import { ReliableRmqServer } from '@acme/nest-rabbitmq/nest';
import { Logger } from '@nestjs/common';
import { describe, expect, it, vi } from 'vitest';

Logger.overrideLogger(false);

/** What becomes of setting up a channel on which that happens. */
async function setUp(error: Error) {
  const server = new ReliableRmqServer({ urls: ['amqp://127.0.0.1:1'], queue: 'orders' });
  const channel = { assertQueue: () => Promise.reject(error) };
  const done = vi.fn<() => void>();
  await server.setupChannel(channel as never, done);
  return done.mock.calls.length;
}

describe('setting up what ReliableRmqServer consumes', () => {
  // The manager of the connection throws what is thrown here, where nobody catches it.
  it.each([
    'Channel ended, no reply will be forthcoming',
    'Channel closed',
    'Connection closing',
    'out of the blue',
  ])('throws nothing, and is not done, where it fails: %s', async (message) => {
    await expect(setUp(new Error(message))).resolves.toBe(0);
  });
});
