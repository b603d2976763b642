import { same } from '../kit/case-tools.js';
import { statuses, textOf, toQueue, type PublisherCases } from './publisher-contract.js';

const COUNT = 1_000;

/** In which order messages arrive. */
export const orderCases: PublisherCases = {
  'keeps the order of a call': async ({ publisher }, fixture) => {
    const queue = await fixture.queue();
    const numbers = Array.from({ length: COUNT }, (_, n) => n);
    const outcomes = await publisher.publish(
      numbers.map((n) => toQueue(queue, { payload: { n, filler: 'x'.repeat((n * 37) % 2_000) } })),
    );
    same(new Set(statuses(outcomes)), new Set(['confirmed']), 'the outcomes');
    const arrived = await fixture.take(queue);
    same(arrived.map(numberOf), numbers, 'the messages in the queue');
  },

  'keeps the order of calls of which each awaits the one before': async (
    { publisher },
    fixture,
  ) => {
    const queue = await fixture.queue();
    for (let call = 0; call < 20; call += 1) {
      await publisher.publish(
        [0, 1, 2].map((index) => toQueue(queue, { payload: { n: call * 3 + index } })),
      );
    }
    const numbers = Array.from({ length: 60 }, (_, n) => n);
    same((await fixture.take(queue)).map(numberOf), numbers, 'the messages in the queue');
  },

  'keeps the order of each of many calls at once, and loses and doubles nothing': async (
    { publisher },
    fixture,
  ) => {
    const queue = await fixture.queue();
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    const calls = Array.from({ length: 20 }, (_, call) =>
      publisher.publish(numbers.map((n) => toQueue(queue, { payload: { n, call } }))),
    );
    await Promise.all(calls);
    const arrived = await fixture.take(queue);
    for (let call = 0; call < 20; call += 1) {
      const ofCall = arrived.filter((message) => bodyOf(message).call === call);
      same(ofCall.map(numberOf), numbers, `the messages of call ${call}`);
    }
  },
};

const bodyOf = (message: Parameters<typeof textOf>[0]): { n: number; call?: number } =>
  JSON.parse(textOf(message)) as { n: number; call?: number };

const numberOf = (message: Parameters<typeof textOf>[0]): number => bodyOf(message).n;
