import { holds, same } from '../kit/case-tools.js';
import {
  confirmMarker,
  statuses,
  takeBut,
  toQueue,
  type PublisherCases,
} from './publisher-contract.js';

const MARKER = 'marker';

/** What is told when the connection is lost, and that nothing is sent once it was told. */
export const faultCases: PublisherCases = {
  'tells of what the broker could not answer that nobody knows, and sends it no second time':
    async ({ publisher, way }, fixture) => {
      const queue = await fixture.queue();
      await confirmMarker(publisher, queue, MARKER);
      way.halfOpen('replies');
      const lost = publisher.publish(['a', 'b', 'c'].map((payload) => toQueue(queue, { payload })));
      const arrived: string[] = [];
      while (arrived.length < 3) arrived.push(...(await takeBut(MARKER, fixture, queue)));
      way.down();
      same(statuses(await lost), ['unknown', 'unknown', 'unknown'], 'the outcomes');
      way.restore();
      await confirmMarker(publisher, queue, MARKER);
      same(arrived, ['"a"', '"b"', '"c"'], 'what arrived at first');
      same(await takeBut(MARKER, fixture, queue), [], 'what arrived later');
    },

  'sends nothing later that was lost on its way to the broker': async (
    { publisher, way },
    fixture,
  ) => {
    const queue = await fixture.queue();
    await confirmMarker(publisher, queue, MARKER);
    way.halfOpen('requests');
    const lost = publisher.publish([toQueue(queue, { payload: 'lost' })]);
    // What has been written by now is in the network, and lost with it.
    await new Promise((resolve) => setImmediate(resolve));
    way.down();
    same(statuses(await lost), ['unknown'], 'the outcome');
    way.restore();
    await confirmMarker(publisher, queue, MARKER);
    same(await takeBut(MARKER, fixture, queue), [], 'what arrived');
  },

  'keeps nothing for later while there is no broker, and takes what comes when it is back': async (
    { publisher, way },
    fixture,
  ) => {
    const queue = await fixture.queue();
    await confirmMarker(publisher, queue, MARKER);
    way.down();
    for (let n = 0; n < 20; n += 1) {
      const outcomes = await publisher.publish([toQueue(queue), toQueue(queue)]);
      same(statuses(outcomes), ['unknown', 'unknown'], 'the outcomes');
      const [outcome] = outcomes;
      holds(outcome?.status === 'unknown' && outcome.error instanceof Error, 'an error says why');
    }
    way.restore();
    await confirmMarker(publisher, queue, MARKER);
    same(await takeBut(MARKER, fixture, queue), [], 'what arrived');
  },

  'gives up on a message that nobody answers for, and sends it no second time': async (
    { publisher, way },
    fixture,
  ) => {
    const queue = await fixture.queue();
    await confirmMarker(publisher, queue, MARKER);
    way.halfOpen('replies');
    const outcomes = await publisher.publish([toQueue(queue, { payload: 'once' })]);
    same(statuses(outcomes), ['unknown'], 'the outcome');
    way.restore();
    await confirmMarker(publisher, queue, MARKER);
    same(await takeBut(MARKER, fixture, queue), ['"once"'], 'what arrived');
  },

  'waits for what is under way when it is closed, and rejects what comes later': async (
    { publisher },
    fixture,
  ) => {
    const queue = await fixture.queue();
    await confirmMarker(publisher, queue, MARKER);
    const last = publisher.publish([toQueue(queue, { payload: 'last' })]);
    await Promise.resolve();
    await publisher.close();
    await publisher.close();
    same(statuses(await last), ['confirmed'], 'the outcome of the last one');
    const late = await publisher.publish([toQueue(queue, { payload: 'late' })]).then(
      () => 'resolved',
      (error: unknown) => (error instanceof Error ? 'rejected' : 'no error'),
    );
    same(late, 'rejected', 'what comes later');
    same(await takeBut(MARKER, fixture, queue), ['"last"'], 'what arrived');
  },
};
