import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { checkBroker } from '../../src/doctor/broker.js';
import type {
  AmqpConfirmChannelLike,
  AmqpConnectionLike,
} from '../../src/publishers/amqp/amqp-like.js';

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
const codes = (report: { findings: readonly { code: string }[] }) =>
  report.findings.map(({ code }) => code);

it('publishes one message to nobody, and closes the connection', async () => {
  const publish = vi.fn<Publish>(confirms);
  const { connection, close } = connectionOf(publish);
  await expect(checkBroker(async () => connection, [])).resolves.toEqual({
    obstacle: undefined,
    findings: [],
  });
  expect(publish).toHaveBeenCalledTimes(1);
  const [exchange, key, , options] = publish.mock.calls[0]!;
  expect([exchange, key]).toEqual(['', expect.stringMatching(/^nest-outbox-doctor\.[\w-]{36}$/)]);
  expect(options).toMatchObject({ mandatory: false, persistent: false });
  expect(close).toHaveBeenCalledTimes(1);
});

it('finds a broker that never confirms', async () => {
  const { connection, close } = connectionOf(() => true);
  const asked = checkBroker(async () => connection, []);
  await vi.advanceTimersByTimeAsync(5_000);
  const report = await asked;
  expect(codes(report)).toEqual(['BROKER_SILENT']);
  expect(report.obstacle).toBe('the broker does not confirm');
  expect(close).toHaveBeenCalled();
});

it('finds a broker that refuses', async () => {
  const { connection } = connectionOf((_exchange, _key, _content, _options, callback) => {
    callback(new Error('message nacked'));
    return true;
  });
  const report = await checkBroker(async () => connection, []);
  expect(report.findings).toMatchObject([
    { code: 'BROKER_SILENT', message: expect.stringContaining('message nacked') as string },
  ]);
});

it('finds one that does not answer, and closes the connection that comes too late', async () => {
  const { connection, close } = connectionOf(confirms);
  let arrive = (): void => {};
  const late = new Promise<AmqpConnectionLike>((done) => (arrive = () => done(connection)));
  const asked = checkBroker(() => late, []);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(codes(await asked)).toEqual(['BROKER_UNREACHABLE']);
  arrive();
  await vi.advanceTimersByTimeAsync(0);
  expect(close).toHaveBeenCalledTimes(1);
});

it('finds one that is gone in the middle of it', async () => {
  const { connection } = connectionOf(confirms, {
    createChannel: () => Promise.reject(new Error('lost amqp://ann:s3cr3t@h')),
  });
  const { findings } = await checkBroker(
    async () => connection,
    [{ exchange: 'orders', messages: 1 }],
  );
  expect(findings).toMatchObject([
    { code: 'BROKER_UNREACHABLE', message: expect.stringContaining('lost amqp://***@h') as string },
  ]);
});

it('cuts a connection that cannot be closed', async () => {
  const destroy = vi.fn<(error: Error) => void>();
  const { connection } = connectionOf(confirms, { close: () => new Promise(() => {}) });
  const asked = checkBroker(
    async () => Object.assign(connection, { connection: { stream: { destroy } } }),
    [],
  );
  await vi.advanceTimersByTimeAsync(1_000);
  expect(codes(await asked)).toEqual([]);
  expect(destroy).toHaveBeenCalledExactlyOnceWith(expect.any(Error));
});
