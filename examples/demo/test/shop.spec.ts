import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Watcher } from '../src/load/watcher.js';
import { until } from '../src/until.js';
import { openShop, type OpenShop } from './support/open-shop.js';

const order = { customerId: 'c-1', reference: 'R-1', amountCents: 1_200 };
const patience = { deadlineMs: 30_000, signal: new AbortController().signal };
let shop: OpenShop;

beforeAll(async () => {
  shop = await openShop();
}, 120_000);

afterAll(() => shop?.close(), 60_000);

async function post(body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${shop.gatewayUrl}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

describe('the gateway', () => {
  it('places an order once per key, and gives the same answer again', async () => {
    const headers = { 'idempotency-key': 'once', 'x-correlation-id': 'from-the-customer' };
    const first = await post(order, headers);
    const second = await post(order, headers);
    expect(first).toMatchObject({ status: 201, body: { ...order, id: expect.any(String) } });
    expect(first.headers.get('x-correlation-id')).toBe('from-the-customer');
    expect(second).toMatchObject({ status: 201, body: first.body });
    expect(second.headers.get('idempotent-replayed')).toBe('true');

    const found = await fetch(`${shop.gatewayUrl}/orders/${String(first.body['id'])}`);
    expect(await found.json()).toEqual(first.body);
  });

  it('refuses what cannot be an order', async () => {
    const invalid = await post({ ...order, amountCents: -1 }, { 'idempotency-key': 'invalid' });
    expect(invalid.status).toBe(400);
    // Orders has found it, and said so in gRPC.
    expect(invalid.body).toMatchObject({
      reason: 'VALIDATION_FAILED',
      domain: 'orders.shop.example',
      errors: [{ field: 'amount_cents', reason: 'TOO_SMALL' }],
    });
  });

  it('refuses an order without a key, and a key that comes with another order', async () => {
    expect(await post(order)).toMatchObject({ status: 400 });
    await post(order, { 'idempotency-key': 'reused' });
    const reused = await post({ ...order, amountCents: 5 }, { 'idempotency-key': 'reused' });
    expect(reused).toMatchObject({ status: 422 });
  });

  it('says in HTTP what orders has said in gRPC', async () => {
    const unknown = '00000000-0000-4000-8000-000000000000';
    const missing = await fetch(`${shop.gatewayUrl}/orders/${unknown}`);
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({
      detail: `There is no order ${unknown}.`,
      code: 'NOT_FOUND',
      reason: 'ORDER_NOT_FOUND',
      metadata: { orderId: unknown },
    });
    const malformed = await fetch(`${shop.gatewayUrl}/orders/not-an-id`);
    expect(malformed.status).toBe(400);
  });

  it('shows orders as they are placed', async () => {
    const watcher = new Watcher(shop.gatewayUrl);
    await watcher.start(patience);
    try {
      await post({ ...order, reference: 'R-watched' }, { 'idempotency-key': 'watched' });
      await until(() => watcher.seen, { what: 'the order to come by', ...patience });
      expect(watcher.seen).toBe(1);
    } finally {
      await watcher.stop();
    }
  });

  it('answers while orders is away, and recovers with it', async () => {
    await shop.supervisor.kill('orders');
    const away = await post(order, { 'idempotency-key': 'away' });
    expect([503, 504]).toContain(away.status);
    const back = await until(
      async () => {
        const answer = await post(order, { 'idempotency-key': 'away' });
        return answer.status === 201 && answer;
      },
      { what: 'orders to be back', ...patience },
    );
    expect(back.headers.get('idempotent-replayed')).toBe(null);
  });
});
