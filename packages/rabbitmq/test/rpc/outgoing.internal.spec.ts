import { MessageContext } from '@acme/nest-message-context';
import { describe, expect, it, vi } from 'vitest';
import {
  adoptGolevelupRequests,
  type GolevelupRequestingConnectionLike,
} from '../../src/rpc/golevelup-requests.js';

type Options = Parameters<GolevelupRequestingConnectionLike['request']>[0];

function setUp(defaultRpcTimeout?: number) {
  const request = vi.fn<(options: Options) => Promise<unknown>>(async () => 'reply');
  const connection = { request, configuration: { defaultRpcTimeout } };
  adoptGolevelupRequests(connection);
  const asked = async (options: object): Promise<Options> => {
    await connection.request({ exchange: 'events', routingKey: 'total', ...options });
    return request.mock.calls.at(-1)![0];
  };
  return { asked };
}

describe('a request of golevelup', () => {
  it.each([
    [undefined, undefined, 10_000],
    [undefined, 300, 300],
    [0, 300, 300],
    [200, 300, 200],
    [2 ** 40, undefined, 2 ** 31 - 1],
  ])('with a timeout of %s, where it is %s for all, has %i ms', async (own, all, ms) => {
    const { timeout } = await setUp(all).asked({ timeout: own });
    expect(timeout).toBe(ms);
  });

  it('is dropped by the broker when its time is over, where nobody else gets it', async () => {
    const { asked } = setUp();
    expect((await asked({ exchange: '' })).expiration).toBe('10000');
    expect(await asked({ exchange: 'events' })).not.toHaveProperty('expiration');
    expect((await asked({ exchange: 'events', expiration: 7 })).expiration).toBe(7);
  });
});

/** What is handled while `work` runs. */
async function handling<T>(facts: object, work: () => Promise<T>): Promise<T> {
  const message = { headers: { get: () => undefined }, ...facts };
  const context = new MessageContext(message as never, undefined, {
    generateId: () => 'id',
    trustIdentity: () => false,
  });
  return context.run(work);
}

describe('the time that is left to a request', () => {
  const inMs = (ms: number): number => Date.now() + ms;
  const timeoutIn = async (facts: object): Promise<number | undefined> =>
    handling(facts, async () => (await setUp().asked({})).timeout);

  it('is what is left to the request that is being handled', async () => {
    await expect(timeoutIn({ expectsReply: true, deadline: inMs(500) })).resolves.toBeLessThan(501);
    await expect(timeoutIn({ expectsReply: true, deadline: inMs(-1) })).rejects.toMatchObject({
      code: 'RABBITMQ_RPC_TIMEOUT',
    });
  });

  it('is not less because the event that is being handled had a deadline once', async () => {
    await expect(timeoutIn({ expectsReply: false, deadline: inMs(-1) })).resolves.toBe(10_000);
    const allowed = { expectsReply: false, deadline: inMs(-1), allowedUntil: inMs(500) };
    await expect(timeoutIn(allowed)).resolves.toBeLessThan(501);
  });
});
