import { describe, expect, it } from 'vitest';
import { exchangeAsDeclared, queueAsDeclared } from '../../src/topology/as-declared.js';

describe('what amqplib declares', () => {
  const usual = { durable: true, auto_delete: false, exclusive: false };

  it.each([
    [undefined, usual],
    [{}, usual],
    [
      { durable: false, autoDelete: true, exclusive: true, noAssert: true, channel: 'x' },
      { durable: false, auto_delete: true, exclusive: true },
    ],
    [
      { durable: undefined, arguments: { 'x-a': 1 } },
      { ...usual, 'x-a': 1 },
    ],
    [
      {
        expires: 1,
        messageTtl: 2,
        deadLetterExchange: '',
        deadLetterRoutingKey: 'k',
        maxLength: 3,
        maxPriority: 4,
        overflow: 'drop-head',
        queueMode: 'lazy',
        arguments: { 'x-message-ttl': 9 },
      },
      {
        ...usual,
        'x-expires': 1,
        'x-message-ttl': 2,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': 'k',
        'x-max-length': 3,
        'x-max-priority': 4,
        'x-overflow': 'drop-head',
        'x-queue-mode': 'lazy',
      },
    ],
  ])('of a queue with %j', (options, as) => {
    expect(queueAsDeclared('q', options)).toEqual({
      kind: 'queue',
      name: 'q',
      as,
      acceptsExisting: false,
    });
  });

  it('of an exchange', () => {
    const { kind, as } = exchangeAsDeclared('e', 'topic', {
      internal: true,
      alternateExchange: 'rest',
      arguments: { a: 1 },
    });
    expect(kind).toBe('exchange');
    const { exclusive: _, ...common } = usual;
    expect(as).toEqual({
      ...common,
      type: 'topic',
      internal: true,
      'alternate-exchange': 'rest',
      a: 1,
    });
  });
});
