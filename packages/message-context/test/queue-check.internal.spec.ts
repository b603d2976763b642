import { describe, expect, it } from 'vitest';
import { queueWarnings } from '../src/transports/amqp/queue-check.js';

const DEAD = { 'x-dead-letter-exchange': '' };
const QUORUM = { 'x-queue-type': 'quorum' };
const LIMIT = { 'x-delivery-limit': 20 };

describe('the warnings about a queue', () => {
  it.each([
    ['declared with nothing', undefined, ['dead-letter exchange', 'not declared as a quorum']],
    ['without a dead-letter exchange', { arguments: { ...QUORUM, ...LIMIT } }, ['dead-letter']],
    ['that counts nothing', { deadLetterExchange: 'dead' }, ['not declared as a quorum queue']],
    [
      'that counts without end',
      { arguments: { ...DEAD, ...QUORUM } },
      ['without a delivery limit'],
    ],
    ['with all of it', { arguments: { ...DEAD, ...QUORUM, ...LIMIT } }, []],
    [
      "with all of it, by amqplib's option",
      { deadLetterExchange: 'dead', arguments: { ...QUORUM, ...LIMIT } },
      [],
    ],
  ])('for one %s', (_how, declared, expected) => {
    const warnings = queueWarnings('orders', declared, { keepsParked: false });
    expect(warnings).toHaveLength(expected.length);
    expected.forEach((part, index) => {
      expect(warnings[index]).toContain('Queue "orders" is ');
      expect(warnings[index]).toContain(part);
      expect(warnings[index]).toMatch(/Give the queue the arguments? /);
    });
  });

  it('ask for nothing that whoever keeps what is parked does himself', () => {
    expect(queueWarnings('orders', undefined, { keepsParked: true })).toEqual([]);
    const [order, ...more] = queueWarnings('orders', { arguments: QUORUM }, { keepsParked: true });
    expect(more).toEqual([]);
    expect(order).toContain('before RabbitMQ 4.0, what comes back to the queue comes to its end');
  });
});
