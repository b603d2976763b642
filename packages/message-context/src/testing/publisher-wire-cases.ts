import { Buffer } from 'node:buffer';
import { holds, same } from '../kit/case-tools.js';
import { textOf, toQueue, type PublisherCases } from './publisher-contract.js';

/** What a consumer of any language reads. */
export const wireCases: PublisherCases = {
  'writes plain JSON with the AMQP properties that say what it is': async (
    { publisher },
    fixture,
  ) => {
    const queue = await fixture.queue();
    const payload = { text: 'it\'s "quoted" \\ ü 주문 😀', list: [1, null], at: new Date(0) };
    await publisher.publish([
      toQueue(queue, {
        type: 'order.placed.v1',
        payload,
        messageId: 'id-1',
        timestamp: 1_700_000_000_999,
        headers: {
          'x-correlation-id': 'c-1',
          flag: true,
          count: 7,
          ratio: 0.5,
          raw: Buffer.from('..ab..').subarray(2, 4),
        },
      }),
    ]);
    const [arrived] = await fixture.take(queue);
    same(arrived && textOf(arrived), JSON.stringify(payload), 'the body');
    const { properties } = arrived!;
    const { type, messageId, contentType, timestamp, correlationId, deliveryMode } = properties;
    same(
      { type, messageId, contentType, timestamp, correlationId, deliveryMode },
      {
        type: 'order.placed.v1',
        messageId: 'id-1',
        contentType: 'application/json',
        timestamp: 1_700_000_000,
        correlationId: 'c-1',
        deliveryMode: 2,
      },
      'the properties',
    );
    const { raw, ...headers } = properties.headers ?? {};
    const expected = { 'x-correlation-id': 'c-1', flag: true, count: 7, ratio: 0.5 };
    same({ ...headers }, expected, 'the headers');
    same([...(raw as Uint8Array)], [97, 98], 'the header of bytes');
  },

  'sends bytes as they are': async ({ publisher }, fixture) => {
    const queue = await fixture.queue();
    const payload = Buffer.from([1, 0, 255, 128, 2]).subarray(1, 4);
    await publisher.publish([
      toQueue(queue, { payload }),
      toQueue(queue, { payload: new Uint8Array(payload), contentType: 'application/x-case' }),
    ]);
    const arrived = await fixture.take(queue);
    same(
      arrived.map(({ content }) => [...content]),
      [
        [0, 255, 128],
        [0, 255, 128],
      ],
      'the bodies',
    );
    same(
      arrived.map(({ properties }) => properties.contentType),
      ['application/octet-stream', 'application/x-case'],
      'the content types',
    );
  },

  'sends JSON that is bytes already to the last digit': async ({ publisher }, fixture) => {
    const queue = await fixture.queue();
    const text = '{"n":12345678901234567890.10,"n":1 }';
    const message = { payload: Buffer.from(text), contentType: 'application/json' };
    await publisher.publish([toQueue(queue, message)]);
    same((await fixture.take(queue)).map(textOf), [text], 'the body');
  },

  'gives a message an id of its own where it has none, and the present time': async (
    { publisher },
    fixture,
  ) => {
    const queue = await fixture.queue();
    const before = Math.floor(Date.now() / 1_000);
    await publisher.publish([toQueue(queue), toQueue(queue)]);
    const [one, two] = (await fixture.take(queue)).map(({ properties }) => properties);
    holds(typeof one?.messageId === 'string' && one.messageId.length > 0, 'there is an id');
    holds(one?.messageId !== two?.messageId, 'the ids differ');
    holds((one?.timestamp as number) >= before, 'the time is the present');
  },

  'routes by the type where no routing key is given': async ({ publisher }, fixture) => {
    const queue = await fixture.queue();
    await publisher.publish([toQueue(queue, { type: queue, routingKey: undefined })]);
    same((await fixture.take(queue)).length, 1, 'the messages in the queue');
  },
};
