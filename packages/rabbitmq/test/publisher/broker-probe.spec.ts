import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  rabbitMqProbe,
  type AmqpConfirmChannelLike,
  type AmqpConnectionLike,
} from '@acme/nest-rabbitmq';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Publish = AmqpConfirmChannelLike['publish'];

/** What no real broker does on demand. */
function connectionOf(publish: Publish, more: Partial<AmqpConnectionLike> = {}) {
  const close = vi.fn<() => Promise<void>>(async () => {});
  const channel = { publish, checkExchange: async () => {}, on: () => {}, close: async () => {} };
  const connection: AmqpConnectionLike = {
    createConfirmChannel: async () => channel,
    createChannel: async () => channel,
    on: () => {},
    close,
    ...more,
  };
  return { connection, close };
}
const confirms: Publish = (_exchange, _key, _content, _options, callback) => {
  callback(null);
  return true;
};
const WELL = { exchanges: new Map(), confirms: 'yes' };

it('publishes one message to nobody, and closes the connection', async () => {
  const publish = vi.fn<Publish>(confirms);
  const { connection, close } = connectionOf(publish);
  await expect(rabbitMqProbe(async () => connection)([])).resolves.toEqual(WELL);
  expect(publish).toHaveBeenCalledTimes(1);
  const [exchange, key, , options] = publish.mock.calls[0]!;
  expect([exchange, key]).toEqual(['', expect.stringMatching(/^nest-rabbitmq-probe\.[\w-]{36}$/)]);
  expect(options).toMatchObject({ mandatory: false, persistent: false });
  expect(close).toHaveBeenCalledTimes(1);
});

it('finds a broker that never confirms', async () => {
  const { connection, close } = connectionOf(() => true);
  const asked = rabbitMqProbe(async () => connection)([]);
  await vi.advanceTimersByTimeAsync(5_000);
  await expect(asked).resolves.toMatchObject({ confirms: 'no', reason: 'none within 5000 ms' });
  expect(close).toHaveBeenCalled();
});

it('finds a broker that refuses', async () => {
  const { connection } = connectionOf((_exchange, _key, _content, _options, callback) => {
    callback(new Error('message nacked'));
    return true;
  });
  await expect(rabbitMqProbe(async () => connection)([])).resolves.toMatchObject({
    confirms: 'no',
    reason: 'message nacked',
  });
});

it('finds one that does not answer, and closes the connection that comes too late', async () => {
  const { connection, close } = connectionOf(confirms);
  let arrive = (): void => {};
  const late = new Promise<AmqpConnectionLike>((done) => (arrive = () => done(connection)));
  const asked = rabbitMqProbe(() => late)([]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect((await asked).unreachable?.message).toBe('no answer within 10000 ms');
  arrive();
  await vi.advanceTimersByTimeAsync(0);
  expect(close).toHaveBeenCalledTimes(1);
});

it('finds one that is gone in the middle of it', async () => {
  const lost = new Error('lost');
  const { connection } = connectionOf(confirms, { createChannel: () => Promise.reject(lost) });
  const answers = await rabbitMqProbe(async () => connection)(['orders']);
  expect(answers.unreachable).toBe(lost);
});

it('cuts a connection that cannot be closed', async () => {
  const destroy = vi.fn<(error: Error) => void>();
  const { connection } = connectionOf(confirms, { close: () => new Promise(() => {}) });
  const asked = rabbitMqProbe(async () =>
    Object.assign(connection, { connection: { stream: { destroy } } }),
  )([]);
  await vi.advanceTimersByTimeAsync(1_000);
  await expect(asked).resolves.toEqual(WELL);
  expect(destroy).toHaveBeenCalledExactlyOnceWith(expect.any(Error));
});
