import { describe, expect, it } from 'vitest';
import { deadLetterWarning } from '../src/transports/amqp/dead-letter-check.js';

describe('the warning about a queue that drops what is parked', () => {
  it.each([
    ['declared with nothing', undefined],
    ['declared without it', { arguments: { 'x-queue-type': 'quorum' } }],
  ])('is given for one %s, and names the queue and the argument', (_how, declared) => {
    expect(deadLetterWarning('orders', declared)).toMatch(/"orders".*x-dead-letter-exchange/s);
  });

  it.each([
    ["amqplib's option", { deadLetterExchange: 'dead' }],
    ['a plain argument', { arguments: { 'x-dead-letter-exchange': '' } }],
  ])('is not given for one that has it by %s', (_how, declared) => {
    expect(deadLetterWarning('orders', declared)).toBeUndefined();
  });
});
