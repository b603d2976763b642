import { describe, expect, it } from 'vitest';
import { brokerFactsOf, type BrokerFacts } from '../../src/core/broker-facts.js';

const OLD: Omit<BrokerFacts, 'version'> = {
  nackCounts: true,
  timeoutCounts: true,
  defaultDeliveryLimit: undefined,
  unlimitedDeliveryLimit: false,
  ackTimeout: 'closes-channel',
  queueAckTimeout: false,
  mayRefuseTransientQueues: false,
  quorumWaitQueues: true,
  delayedRetry: false,
};
const V3_12 = { ...OLD, queueAckTimeout: true };
const V4_0 = { ...V3_12, defaultDeliveryLimit: 20, unlimitedDeliveryLimit: true };
const V4_3: typeof OLD = {
  ...V4_0,
  nackCounts: false,
  timeoutCounts: false,
  ackTimeout: 'cancels-consumer',
  mayRefuseTransientQueues: true,
  delayedRetry: true,
};
const SAFE: typeof OLD = {
  ...OLD,
  timeoutCounts: false,
  defaultDeliveryLimit: 20,
  mayRefuseTransientQueues: true,
  quorumWaitQueues: false,
};

describe('brokerFactsOf', () => {
  it.each<[string | Buffer, Omit<BrokerFacts, 'version'>]>([
    ['3.8.34', { ...OLD, quorumWaitQueues: false }],
    ['3.9.29', { ...OLD, quorumWaitQueues: false }],
    ['3.10.8', OLD],
    ['3.11.0', OLD],
    ['3.12.0', V3_12],
    ['3.13.7', V3_12],
    ['4.0.5', V4_0],
    ['4.1', V4_0],
    ['4.2.0', V4_0],
    ['4.3.0-rc.1', V4_3],
    ['4.3.0', V4_3],
    ['4.3.7', V4_3],
    ['4.4.0', V4_3],
    ['4.10.0+deb12u1', V4_3],
    ['5.0.0', V4_3],
    [Buffer.from('4.3.0'), V4_3],
    [new Uint8Array(Buffer.from('3.13.7')) as Buffer, V3_12],
    [' 4.0.5\n', V4_0],
  ])('of RabbitMQ %s', (version, facts) => {
    const text = Buffer.from(version).toString().trim();
    expect(brokerFactsOf({ product: 'RabbitMQ', version })).toEqual({ version: text, ...facts });
    expect(brokerFactsOf({ product: Buffer.from('RabbitMQ'), version })).toMatchObject(facts);
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'unknown'],
    ['null', null, 'unknown'],
    ['a text', 'RabbitMQ 4.3.0', 'unknown'],
    ['an empty table', {}, 'unknown'],
    ['no version', { product: 'RabbitMQ' }, 'unknown'],
    ['a version that is none', { product: 'RabbitMQ', version: 'latest' }, 'latest'],
    ['a version of one number', { product: 'RabbitMQ', version: '4' }, '4'],
    [
      'a version that is none after all',
      { product: 'RabbitMQ', version: '4.3rabbit' },
      '4.3rabbit',
    ],
    ['a number', { product: 'RabbitMQ', version: 4.3 }, 'unknown'],
    ['no product', { version: '4.3.0' }, '4.3.0'],
    ['LavinMQ', { product: 'LavinMQ', version: '2.1.0' }, 'LavinMQ 2.1.0'],
    ['a distribution', { product: 'Some RabbitMQ', version: '4.3.0' }, 'Some RabbitMQ 4.3.0'],
  ])('is careful with %s', (_, properties, version) => {
    expect(brokerFactsOf(properties)).toEqual({ version, ...SAFE });
  });
});
