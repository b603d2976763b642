import type { PublishOutcome } from '../wire/publisher.js';
import { holds, same } from '../kit/case-tools.js';
import { statuses, toQueue, type PublisherCases } from './publisher-contract.js';

/** What became of a message, and that it is true. */
export const outcomeCases: PublisherCases = {
  'tells each message at its index what became of it': async ({ publisher }, fixture) => {
    const queue = await fixture.queue();
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const outcomes = await publisher.publish([
      toQueue(queue),
      toQueue(fixture.unused()),
      toQueue(queue, { payload: circular }),
      toQueue('x', { exchange: fixture.unused() }),
      toQueue(queue),
    ]);
    const expected = ['confirmed', 'unroutable', 'rejected', 'rejected', 'confirmed'];
    same(statuses(outcomes), expected, 'the outcomes');
    same((await fixture.take(queue)).length, 2, 'the messages in the queue');
  },

  'has nothing to tell about no messages': async ({ publisher }) => {
    same(await publisher.publish([]), [], 'the outcomes');
  },

  'calls a message confirmed when it is in the queue, not before': async (
    { publisher },
    fixture,
  ) => {
    const queue = await fixture.queue();
    for (let n = 0; n < 20; n += 1) {
      same(statuses(await publisher.publish([toQueue(queue)])), ['confirmed'], 'the outcome');
      same((await fixture.take(queue)).length, 1, 'the messages in the queue');
    }
  },

  'never calls a message confirmed that no queue got, and says where it was to go': async (
    { publisher },
    fixture,
  ) => {
    const routingKey = fixture.unused();
    for (let n = 0; n < 20; n += 1) {
      const [outcome] = await publisher.publish([toQueue(routingKey)]);
      same(outcome, { status: 'unroutable', exchange: '', routingKey }, 'the outcome');
    }
  },

  'keeps messages with one id apart when one of them comes back': async (
    { publisher },
    fixture,
  ) => {
    const queue = await fixture.queue();
    const messageId = 'one-id';
    const outcomes = await publisher.publish([
      toQueue(queue, { messageId }),
      toQueue(fixture.unused(), { messageId }),
      toQueue(queue, { messageId }),
    ]);
    same(statuses(outcomes), ['confirmed', 'unroutable', 'confirmed'], 'the outcomes');
  },

  'lets a missing exchange hurt nothing but its own messages, however often it is tried': async (
    { publisher },
    fixture,
  ) => {
    const queue = await fixture.queue();
    const exchange = fixture.unused();
    const calls: Promise<PublishOutcome[]>[] = [];
    for (let n = 0; n < 20; n += 1) {
      const missing = toQueue(queue, { exchange });
      calls.push(publisher.publish([toQueue(queue), missing, toQueue(queue)]));
      if (n % 5 === 4) await Promise.all(calls);
    }
    for (const outcomes of await Promise.all(calls)) {
      same(statuses(outcomes), ['confirmed', 'rejected', 'confirmed'], 'the outcomes');
      const [, rejected] = outcomes;
      const isNamed = rejected?.status === 'rejected' && rejected.error.message.includes(exchange);
      holds(isNamed, 'the error names the exchange');
    }
    same((await fixture.take(queue)).length, 40, 'the messages in the queue');
  },
};
