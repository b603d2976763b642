import { describe, expect, it } from 'vitest';
import { brokerFactsOf } from '../../src/core/broker-facts.js';
import { cureFor, type Cure, type EndedConsumer } from '../../src/core/cure.js';

const on = (version: string) => brokerFactsOf({ product: 'RabbitMQ', version });
const ended = (facts: Partial<EndedConsumer>): EndedConsumer => ({
  queueExists: true,
  isDeclaredHere: true,
  belongsToConnection: false,
  hasUnsettled: false,
  facts: on('3.10.8'),
  ...facts,
});

describe('the cure for a consumer that the broker has ended', () => {
  it.each<[what: string, Partial<EndedConsumer>, Cure]>([
    ['a queue that has moved', {}, 'consume'],
    ['a queue that has moved while its messages are handled', { hasUnsettled: true }, 'consume'],
    ['one of 4.2, the same', { facts: on('4.2.4'), hasUnsettled: true }, 'consume'],
    ['a timeout of 4.3', { facts: on('4.3.0'), hasUnsettled: true }, 'reconnect'],
    ['a timeout of 4.4', { facts: on('4.4.0'), hasUnsettled: true }, 'reconnect'],
    ['a queue of 4.3 that has moved', { facts: on('4.3.0') }, 'consume'],
    ['a queue that was deleted', { queueExists: false }, 'declare'],
    ['the same on 4.3', { queueExists: false, hasUnsettled: true, facts: on('4.3.0') }, 'declare'],
    ['a queue of somebody else', { queueExists: false, isDeclaredHere: false }, 'wait'],
    ['an exclusive queue', { queueExists: false, belongsToConnection: true }, 'reconnect'],
    [
      'a queue that the server has named',
      { queueExists: false, belongsToConnection: true, isDeclaredHere: false },
      'reconnect',
    ],
    ['an exclusive queue that is there', { belongsToConnection: true }, 'consume'],
  ])('%s', (_, facts, cure) => {
    expect(cureFor(ended(facts))).toBe(cure);
  });
});
