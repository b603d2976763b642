import { EventEmitter } from 'node:events';
import { GolevelupPublisher } from '@acme/nest-rabbitmq';
import { expect, it, vi } from 'vitest';
import { FakeConnection } from '../support/fake-amqp.js';

it.each(['unblocked', 'disconnect', 'connect'])(
  'asks a blocked connection for no channel, until %s',
  async (freed) => {
    const connection = new FakeConnection();
    const managedConnection = Object.assign(new EventEmitter(), { connection });
    const publisher = new GolevelupPublisher({ connection: { managedConnection } as never });
    managedConnection.emit('blocked', { reason: 'low on memory' });
    await expect(publisher.publish([{ type: 'a', payload: 1 }])).resolves.toMatchObject([
      { status: 'unknown', error: { message: expect.stringContaining('low on memory') } },
    ]);
    managedConnection.emit(freed, {});
    await publisher.close();

    const other = new GolevelupPublisher({ connection: { managedConnection } as never });
    managedConnection.emit('blocked', { reason: 'low on disk' });
    managedConnection.emit(freed, {});
    await other.prepare();
    const told: string[] = [];
    other.publishEach([{ type: 'a', payload: 1 }], (_, { status }) => told.push(status));
    connection.channel.confirmAll();
    expect(told).toEqual(['confirmed']);
    await other.close();
  },
);

it("never cuts the connection, which is the application's", async () => {
  const destroy = vi.fn<() => void>();
  const connection = Object.assign(new FakeConnection(), { connection: { stream: { destroy } } });
  const managedConnection = Object.assign(new EventEmitter(), { connection });
  const publisher = new GolevelupPublisher({ connection: { managedConnection } as never });
  await publisher.prepare();
  await publisher.close();
  expect(destroy).not.toHaveBeenCalled();
});
