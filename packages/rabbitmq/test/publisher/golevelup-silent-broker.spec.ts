import { EventEmitter } from 'node:events';
import { waitFor } from '@acme/internal-testing';
import { GolevelupPublisher } from '@acme/nest-rabbitmq';
import { expect, it, vi } from 'vitest';

it('a broker that does not open a channel is asked for no second one on the same connection', async () => {
  let answer: (channel: object) => void = () => {};
  const close = vi.fn<() => Promise<void>>(async () => {});
  const connection = Object.assign(new EventEmitter(), {
    createConfirmChannel: vi.fn<() => Promise<never>>(
      () => new Promise((resolve) => (answer = resolve as never)),
    ),
    createChannel: () => Promise.reject(new Error('not asked')),
  });
  const managedConnection = Object.assign(new EventEmitter(), { connection });
  const publisher = new GolevelupPublisher({
    connection: { managedConnection },
    publishTimeout: 20,
  });
  const error = async (): Promise<string> => {
    const [outcome] = await publisher.publish([{ type: 'a', payload: 1 }]);
    return outcome?.status === 'unknown' ? outcome.error.message : '';
  };
  await expect(error()).resolves.toMatch(/within 20 ms/);
  await waitFor(async () => /not answered yet/.test(await error()));
  expect(connection.createConfirmChannel).toHaveBeenCalledTimes(1);

  // It comes too late for anybody, and is given back.
  answer(Object.assign(new EventEmitter(), { close }));
  await waitFor(() => close.mock.calls.length > 0);
  expect(connection.eventNames()).toEqual([]);
  await publisher.close();
  expect(managedConnection.eventNames()).toEqual([]);
});
