import { expect, it, vi } from 'vitest';
import { FakeChannel, fakePublisher } from '../support/fake-amqp.js';

const message = { type: 'a', payload: 1, exchange: 'x' };

/** A publisher whose broker answers so when it is asked for an exchange. */
async function asking(answer: () => Promise<void>) {
  const { publisher, connections } = fakePublisher();
  await publisher.prepare();
  const check = vi.fn<() => Promise<void>>(answer);
  connections[0]!.createChannel = async () =>
    Object.assign(new FakeChannel(), { checkExchange: check });
  return { publisher, check };
}

const refused = (code: number) => () => Promise.reject(Object.assign(new Error('no'), { code }));

it.each([403, 404])('believes the broker that says %i for five seconds', async (code) => {
  vi.useFakeTimers();
  const { publisher, check } = await asking(refused(code));
  const rejected = [{ status: 'rejected', error: { reason: 'EXCHANGE_UNAVAILABLE' } }];
  for (const [ms, asked] of [
    [0, 1],
    [4_900, 1],
    [200, 2],
  ] as const) {
    await vi.advanceTimersByTimeAsync(ms);
    await expect(publisher.publish([message])).resolves.toMatchObject(rejected);
    expect(check).toHaveBeenCalledTimes(asked);
  }
  await publisher.close();
  vi.useRealTimers();
});

it('concludes nothing of the exchange from a connection that is lost', async () => {
  const { publisher, check } = await asking(() => Promise.reject(new Error('Channel closed')));
  for (const asked of [1, 2]) {
    await expect(publisher.publish([message])).resolves.toMatchObject([{ status: 'unknown' }]);
    expect(check).toHaveBeenCalledTimes(asked);
  }
  await publisher.close();
});
