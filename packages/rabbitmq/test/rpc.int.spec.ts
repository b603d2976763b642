import { tcpProxy, waitFor } from '@acme/internal-testing';
import { statusOf } from '@acme/nest-message-context';
import { describe, expect, it } from 'vitest';
import {
  empties,
  golevelupCaller,
  nestCaller,
  openGolevelup,
  openNest,
  openReliable,
  orders,
  PAIRS,
  rawRequest,
  useBroker,
  type OpenServer,
} from './support/rpc-ground.js';

const { broker, later } = useBroker();

describe.each(PAIRS)('a request from %s', (_, openServer, openCaller) => {
  const openBoth = async () => {
    const server = await openServer();
    return { ...server, ...(await openCaller(server)) };
  };

  it('is answered, and says until when it is waited for', async () => {
    const { ask, queue, exchange } = await openBoth();
    const from = Date.now();
    await expect(ask('succeeds', 5_000)).resolves.toEqual({ total: 700 });
    const [{ deadline, expiration } = {}] = orders.seen;
    // Whoever else is bound to an exchange would lose it.
    expect(Number(expiration)).toBe(exchange ? Number.NaN : 5_000);
    expect(deadline).toBeGreaterThanOrEqual(from + 5_000);
    expect(deadline).toBeLessThanOrEqual(Date.now() + 5_000);
    await expect(ask('says nothing')).resolves.toBeUndefined();
    await empties(queue);
  });

  it('is answered with what its handler has thrown, once', async () => {
    const { ask, queue } = await openBoth();
    const failure = await ask('refuses').catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'RABBITMQ_RPC_FAILED',
      reason: 'OUT_OF_STOCK',
      statusCode: 409,
      message: 'three are left',
    });
    expect(statusOf(failure)).toEqual({ http: 409, grpc: 10, reason: 'OUT_OF_STOCK' });
    await expect(ask('is busy')).rejects.toMatchObject({ reason: 'BUSY', retryAfterMs: 250 });
    await expect(ask('finds none')).rejects.toMatchObject({
      reason: 'HTTP_404',
      statusCode: 404,
      message: 'no order 7',
    });
    await expect(ask('validates')).rejects.toMatchObject({
      statusCode: 400,
      message: 'id is no number; name is missing',
    });
    await expect(ask('breaks')).rejects.toMatchObject({
      statusCode: 500,
      message: 'Internal server error',
    });
    expect(orders.seen).toHaveLength(5);
    await empties(queue);
  });

  it('ends in time, and is not handled after that', async () => {
    const { ask, queue } = await openBoth();
    let release!: () => void;
    orders.held = new Promise<void>((done) => (release = done));
    const failure = await ask('succeeds', 100).catch((error: unknown) => error);
    expect(statusOf(failure)).toMatchObject({ http: 504, grpc: 4, reason: 'RPC_TIMEOUT' });
    release();
    await empties(queue);
    await expect(ask('succeeds')).resolves.toEqual({ total: 700 });
  });

  it('that comes after its deadline is not handled', async () => {
    const server = await openServer();
    const isPlain = openCaller !== nestCaller;
    const request = await rawRequest(server, isPlain);
    request.publish({ 'x-deadline': Date.now() - 1 });
    const reply = await request.reply();
    expect(isPlain ? reply : (reply as { err?: unknown }).err).toMatchObject({
      status: 'error',
      code: 'DEADLINE_EXCEEDED',
      statusCode: 504,
    });
    expect(orders.seen).toEqual([]);
    request.publish({ 'x-deadline': Date.now() + 10_000 });
    await waitFor(() => orders.seen.length === 1);
  });
});

describe.each([
  ['ReliableClientRMQ', nestCaller],
  ['golevelup', golevelupCaller],
] as const)('%s, whose connection is cut amid a request', (_, openCaller) => {
  it('fails that in time, and asks again as if nothing had been, however often', async () => {
    const proxy = await tcpProxy(broker().url);
    later(() => proxy.close());
    const { ask } = await openCaller(await openReliable(), proxy.url);
    for (const times of [1, 2, 3]) {
      await waitFor(() => ask('succeeds', 1_000).then(isAnswer, () => false), {
        what: `the answer before cut ${times}`,
      });
      const before = orders.seen.length;
      let release!: () => void;
      orders.held = new Promise<void>((done) => (release = done));
      const failure = ask('succeeds', 2_000).catch((error: unknown) => error);
      await waitFor(() => orders.seen.length > before);
      proxy.cut();
      expect(await failure).toBeInstanceOf(Error);
      orders.held = undefined;
      release();
    }
    await waitFor(() => ask('succeeds', 1_000).then(isAnswer, () => false), {
      what: 'the answer after all',
    });
  });

  const isAnswer = (answer: unknown): boolean => (answer as { total?: number }).total === 700;
});

describe.each([
  ['Nest RMQ', openNest, false],
  ['ReliableRmqServer', openReliable, false],
  ['ReliableRmqServer, no packet of Nest’s,', openReliable, true],
  ['golevelup', openGolevelup, true],
] as [string, OpenServer, boolean][])(
  'a request to %s whose reply is not confirmed',
  (_, openServer, isPlain) => {
    it('is not acked: it is handled again once the connection is gone', async () => {
      const proxy = await tcpProxy(broker().url);
      later(() => proxy.close());
      const { publish, reply } = await rawRequest(await openServer(proxy.url), isPlain);
      let release!: () => void;
      orders.held = new Promise<void>((done) => (release = done));
      publish();
      await waitFor(() => orders.seen.length === 1);
      // From now on what the server sends reaches the broker, and no confirm comes back.
      proxy.halfOpen('replies');
      orders.held = undefined;
      release();
      // The reply does, and so would an ack.
      await reply();
      proxy.cut();
      proxy.restore();
      await waitFor(() => orders.seen.length === 2);
    });
  },
);
