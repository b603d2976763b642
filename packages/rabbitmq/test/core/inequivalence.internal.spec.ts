import { describe, expect, it } from 'vitest';
import { inequivalenceOf, valuesLike } from '../../src/core/inequivalence.js';

const Q = "for queue 'orders' in vhost '/'";
const P = 'PRECONDITION_FAILED - inequivalent arg';

/** As brokers have said it: those of which nothing else is said, 3.10.8, and most of them 4.0.5 and 4.3.6 as well. */
const RECORDED: [words: string, argument: string, wanted: unknown, actual: unknown[]][] = [
  [`${P} 'x-message-ttl' ${Q}: received '5' but current is '10'`, 'x-message-ttl', 5, [10, '10']],
  [
    `${P} 'x-message-ttl' ${Q}: received none but current is the value '10' of type 'byte'`,
    'x-message-ttl',
    undefined,
    [10],
  ],
  [
    `${P} 'x-expires' ${Q}: received the value '1000' of type 'short' but current is none`,
    'x-expires',
    1000,
    [undefined],
  ],
  [
    `${P} 'x-queue-type' ${Q}: received 'classic' but current is 'quorum'`,
    'x-queue-type',
    'classic',
    ['quorum'],
  ],
  // 4.0.5 and 4.3.6: a queue has a type even where none is declared. 3.10.8 says none instead of classic.
  [
    `${P} 'x-queue-type' ${Q}: received 'classic' but current is 'quorum'`,
    'x-queue-type',
    undefined,
    ['quorum'],
  ],
  [
    `${P} 'x-queue-type' ${Q}: received 'quorum' but current is 'classic'`,
    'x-queue-type',
    'quorum',
    ['classic'],
  ],
  [
    `${P} 'x-single-active-consumer' ${Q}: received none but current is the value 'true' of type 'bool'`,
    'x-single-active-consumer',
    undefined,
    [true],
  ],
  [`${P} 'durable' ${Q}: received 'false' but current is 'true'`, 'durable', false, [true]],
  [`${P} 'auto_delete' ${Q}: received 'true' but current is 'false'`, 'auto_delete', true, [false]],
  [
    `${P} 'type' for exchange 'events' in vhost '/': received 'topic' but current is 'direct'`,
    'type',
    'topic',
    ['direct'],
  ],
  [
    `${P} 'internal' for exchange 'events' in vhost '/': received 'true' but current is 'false'`,
    'internal',
    true,
    [false],
  ],
  [
    `${P} 'alternate-exchange' for exchange 'events' in vhost '/': received 'y' but current is 'x'`,
    'alternate-exchange',
    'y',
    ['x'],
  ],
  // A number, and the same as text: the words do not tell them apart.
  [`${P} 'x-max-length' ${Q}: received '5' but current is '5'`, 'x-max-length', 5, ['5']],
  [`${P} 'x-max-length' ${Q}: received '5' but current is '5'`, 'x-max-length', '5', [5]],
  // A table is written in a notation that cannot be declared.
  [
    `${P} 'x-expires' ${Q}: received none but current is the value '[{<<"a">>,byte,1}]' of type 'table'`,
    'x-expires',
    undefined,
    [],
  ],
  // Names are anything.
  [
    `${P} 'x-dead-letter-exchange' for queue 'o'b in vhost '/': received 'x' but' in vhost '/': received 'zü' but current is 'a'`,
    'x-dead-letter-exchange',
    'zü',
    ['a'],
  ],
  // 3.8.1
  [
    `${P} 'x-queue-type' for queue 'queue-order' in vhost '/': received none but current is the value 'classic' of type 'longstr'`,
    'x-queue-type',
    undefined,
    ['classic'],
  ],
  // 3.11.6
  [
    `${P} 'x-queue-type' for queue 'QueueQ' in vhost 'dev': received 'classic' but current is 'quorum'`,
    'x-queue-type',
    'classic',
    ['quorum'],
  ],
  // 3.12.7
  [
    `${P} 'x-queue-type' for queue 'round-trip' in vhost 'development': received none but current is the value 'quorum' of type 'longstr'`,
    'x-queue-type',
    undefined,
    ['quorum'],
  ],
  // Others, by clients whose numbers are of other sizes.
  [
    `${P} 'x-expires' ${Q}: received none but current is the value '2592000000' of type 'long'`,
    'x-expires',
    undefined,
    [2592000000],
  ],
  [
    `${P} 'x-queue-version' ${Q}: received the value '2' of type 'signedint' but current is none`,
    'x-queue-version',
    2,
    [undefined],
  ],
  [
    `${P} 'x-max-priority' ${Q}: received none but current is the value '10' of type 'signedint'`,
    'x-max-priority',
    undefined,
    [10],
  ],
];

describe('the words of a broker that refuses a declaration', () => {
  it.each(RECORDED)('%s', (words, argument, wanted, actual) => {
    const found = inequivalenceOf(words);
    expect(found?.argument).toBe(argument);
    expect(valuesLike(found!, wanted)).toEqual(actual);
    // As the client library passes it on.
    expect(
      inequivalenceOf(
        `Operation failed: QueueDeclare; 406 (PRECONDITION-FAILED) with message "${words}"`,
      ),
    ).toEqual(found);
  });

  it('say where it is', () => {
    expect(
      inequivalenceOf(
        `${P} 'durable' for queue 'q' in vhost 'a'b': received 'false' but current is 'true'`,
      ),
    ).toMatchObject({ vhost: "a'b" });
  });

  it('are cut off after 255 bytes: then a flag is known all the same, a value is not', () => {
    const name = 'q'.repeat(200);
    const flag = inequivalenceOf(`${P} 'durable' for queue '${name}...`);
    expect(valuesLike(flag!, true)).toEqual([false]);
    const value = inequivalenceOf(`${P} 'x-message-ttl' for queue '${name}...`);
    expect(value).toMatchObject({ argument: 'x-message-ttl', vhost: undefined });
    expect(valuesLike(value!, 5)).toEqual([]);
  });

  it('say that a queue is exclusive, or is not', () => {
    const words =
      "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.";
    expect(valuesLike(inequivalenceOf(words)!, undefined)).toEqual([true]);
    expect(valuesLike(inequivalenceOf(words)!, true)).toEqual([false]);
  });

  it.each([
    "PRECONDITION_FAILED - invalid arg 'x-max-priority' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue",
    "PRECONDITION_FAILED - Existing queue 'q' declared with other arguments",
    '',
  ])('are not read where they say something else: %s', (words) => {
    expect(inequivalenceOf(words)).toBeUndefined();
  });
});
