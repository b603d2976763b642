import { OutboxModule, type OutboxPublisher } from '@acme/nest-outbox';
import { PublisherConfigurationError } from '@acme/nest-message-context';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { openContext } from '@acme/internal-testing';
import { Module } from '@nestjs/common';
import { AmqpConnectionManagerClass } from 'amqp-connection-manager';
import { describe, expect, it, vi } from 'vitest';
import { inertStore } from '../support/inert-store.js';

const open = (publisher: OutboxPublisher) => {
  @Module({
    imports: [
      OutboxModule.forRoot({
        transactions: false,
        store: inertStore(),
        publisher,
        relay: { mode: 'off' },
      }),
    ],
  })
  class AppModule {}
  return openContext(AppModule);
};

describe('a publisher that could never confirm', () => {
  it('is refused at boot: a connection without confirm channels', async () => {
    // Easily mixed up with `connect()` of amqplib.
    const manager = new AmqpConnectionManagerClass('amqp://localhost');
    const publisher = new RabbitMqPublisher({ connect: async () => manager as never });
    await expect(open(publisher)).rejects.toThrow(PublisherConfigurationError);
    await expect(publisher.prepare()).rejects.toThrow(/createConfirmChannel.*amqplib\.connect/s);
    await expect(publisher.publish([{ type: 'a', payload: 1 }])).resolves.toMatchObject([
      { status: 'unknown', error: { reason: 'NOT_CONNECTED' } },
    ]);
    await publisher.close();
  });

  it('is refused at boot: a connect() that gives nothing', async () => {
    // A forgotten `return`.
    const publisher = new RabbitMqPublisher({ connect: (() => undefined) as never });
    await expect(open(publisher)).rejects.toThrow(/createConfirmChannel.*amqplib\.connect/s);
    await publisher.close();
  });

  it('is no reason to refuse, but an outage, where connect() throws', async () => {
    const publisher = new RabbitMqPublisher({
      connect: () => {
        throw new Error('no password yet');
      },
    });
    const { close } = await open(publisher);
    await expect(publisher.publish([{ type: 'a', payload: 1 }])).resolves.toMatchObject([
      {
        status: 'unknown',
        error: { reason: 'NOT_CONNECTED', message: expect.stringContaining('no password yet') },
      },
    ]);
    await close();
  });

  it('is asked before anything is published, and an outage is no reason to refuse', async () => {
    const calls: string[] = [];
    const publisher = {
      prepare: async () => void calls.push('prepare'),
      publish: async () => [],
      close: async () => void calls.push('close'),
    };
    const { close } = await open(publisher);
    expect(calls).toEqual(['prepare']);
    await close();
    expect(calls).toEqual(['prepare', 'close']);

    const connect = vi.fn<() => Promise<never>>(() => Promise.reject(new Error('refused')));
    const down = await open(new RabbitMqPublisher({ connect }));
    expect(connect).toHaveBeenCalledTimes(1);
    await down.close();
  });
});
