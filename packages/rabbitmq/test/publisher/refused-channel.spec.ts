import { RabbitMqPublisher, type RabbitMqPublisherOptions } from '@acme/nest-rabbitmq';
import { afterEach, describe, expect, it, vi } from 'vitest';

type Connection = Awaited<ReturnType<RabbitMqPublisherOptions['connect']>>;

afterEach(() => vi.useRealTimers());

describe('a connection on which the broker refuses a channel', () => {
  const connectionThatRefuses = (close: () => Promise<void>): Connection => ({
    createConfirmChannel: () => Promise.reject(new Error('channel_max')),
    createChannel: () => Promise.reject(new Error('channel_max')),
    on: () => undefined,
    close,
  });

  it.each([
    ['is closed', async () => {}],
    ['is given up when it cannot be closed either', () => Promise.reject(new Error('closing'))],
  ])('%s', async (_what, closing) => {
    const close = vi.fn<() => Promise<void>>(closing);
    const publisher = new RabbitMqPublisher({ connect: async () => connectionThatRefuses(close) });
    const [outcome] = await publisher.publish([{ type: 'a', payload: 1 }]);
    expect(outcome).toMatchObject({
      status: 'unknown',
      error: { reason: 'NOT_CONNECTED', message: expect.stringContaining('channel_max') },
    });
    expect(close).toHaveBeenCalledTimes(1);
    await publisher.close();
  });

  it('is cut when the broker does not answer to close() either', async () => {
    vi.useFakeTimers();
    const destroy = vi.fn<(error: Error) => void>();
    const silent = () => new Promise<void>(() => {});
    const publisher = new RabbitMqPublisher({
      connect: async () => ({
        ...connectionThatRefuses(silent),
        connection: { stream: { destroy } },
      }),
      publishTimeout: 1_000,
    });
    await publisher.prepare();
    await vi.advanceTimersByTimeAsync(999);
    expect(destroy).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(destroy).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
    await publisher.close();
  });
});
