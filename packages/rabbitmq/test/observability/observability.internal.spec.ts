import { Otel } from '@acme/internal-testing/otel';
import type { AmqpDeliveryLike, MessageContext } from '@acme/nest-message-context';
import { loadOtelApi } from '@acme/nest-message-context/observability';
import { channel } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { Consumers } from '../../src/consumers/consumers.js';
import { EVENT_TYPES, type RabbitMqEvent } from '../../src/observability/event.js';
import { Observability } from '../../src/observability/observability.js';

const look = (): never => {
  throw new Error('looked at');
};
const trap = new Proxy({} as AmqpDeliveryLike, { get: look, defineProperty: look });
const delivery = (): AmqpDeliveryLike => ({
  content: new Uint8Array(),
  fields: { deliveryTag: 1, redelivered: false, exchange: '', routingKey: 'orders' },
  properties: { headers: {} },
});

describe('Observability', () => {
  it('does not even look at a delivery while nobody listens', async () => {
    const observed = new Observability(new Consumers(), await loadOtelApi());
    expect(observed.watch(trap, 'orders')).toBeUndefined();
    const subscription = observed.events$.subscribe();
    expect(() => observed.watch(trap, 'orders')).toThrow('looked at');
    subscription.unsubscribe();
    expect(observed.watch(trap, 'orders')).toBeUndefined();
  });

  it('looks at it as soon as there is an SDK', async () => {
    const observed = new Observability(new Consumers(), await loadOtelApi());
    expect(observed.watch(trap, 'orders')).toBeUndefined();
    const otel = new Otel('@acme/nest-rabbitmq');
    try {
      expect(observed.watch(delivery(), 'orders')).toBeDefined();
    } finally {
      otel.stop();
    }
  });

  it.each(EVENT_TYPES)('notices who listens on the channel of %s only', (type) => {
    const observed = new Observability(new Consumers());
    const seen: unknown[] = [];
    const hear = (event: unknown): void => void seen.push(event);
    channel(`acme:rabbitmq:${type}`).subscribe(hear);
    observed.lost('orders', 'cancelled');
    channel(`acme:rabbitmq:${type}`).unsubscribe(hear);
    observed.lost('orders', 'cancelled');
    expect(seen).toHaveLength(type === 'consumer_lost' ? 1 : 0);
  });

  it.each([
    [true, 'TypeError'],
    [false, undefined],
  ])(
    'tells of a request that its caller was answered with an error: %s',
    (expectsReply, errorCode) => {
      const observed = new Observability(new Consumers());
      const seen: RabbitMqEvent[] = [];
      observed.events$.subscribe((event) => seen.push(event));
      const raw = delivery();
      const watched = observed.watch(raw, 'orders');
      const thrown = { error: new TypeError('the key of a customer') };
      const message = { transport: 'rmq', raw, attempt: 3, expectsReply, thrown };
      observed.opened({ message } as unknown as MessageContext);
      watched!.settling('acked');
      watched!.settled('acked');
      expect(seen).toMatchObject([{ type: 'acked', attempt: 3, errorCode }]);
    },
  );

  it('tells no name that the server has given to a queue', () => {
    const observed = new Observability(new Consumers());
    const seen: RabbitMqEvent[] = [];
    observed.events$.subscribe((event) => seen.push(event));
    observed.lost('amq.gen-1', 'connection_lost');
    const watched = observed.watch(delivery(), 'amq.gen-1');
    watched!.settling('acked');
    watched!.settled('acked');
    expect(seen).toMatchObject([
      { type: 'consumer_lost', queue: undefined },
      { type: 'acked', queue: undefined, handler: undefined, attempt: 1 },
    ]);
  });
});
