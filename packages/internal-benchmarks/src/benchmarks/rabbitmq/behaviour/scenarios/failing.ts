import { setTimeout as pause } from 'node:timers/promises';
import { waitFor } from '../../../../measure/wait-for.js';
import type { Answer } from '../desk.js';
import { attemptsOf } from '../ledger.js';
import { RETRY } from '../retry.js';
import type { Scenario } from '../scenario.js';
import { FOR_EVER } from '../task.js';
import { tasks } from '../tasks.js';

const AWAY_MS = 2_000;
/** Until everybody has given up. */
const GIVEN_UP_MS = 12_000;

export const handlerThrows: Scenario = {
  title: 'of 20 handlers, 5 throw for 2 s and 1 for ever',
  isShort: true,
  play: async (stage) => {
    const back = Date.now() + AWAY_MS;
    await stage.send(
      ...tasks('good', 14),
      ...tasks('waits', 5, { failsUntil: back }),
      ...tasks('bad', 1, { failsUntil: FOR_EVER }),
    );
    await stage.until((entries) => attemptsOf(entries, 'bad-0') >= RETRY.attempts, GIVEN_UP_MS);
    await stage.untilDone(2_000, 19);
    const { entries } = stage;
    const cured = entries.filter(({ id, what }) => id.startsWith('waits') && what === 'did');
    return {
      recoveryMs: cured.length < 5 ? null : Math.max(...cured.map(({ at }) => at)) - back,
      note: `${attemptsOf(entries, 'bad-0')} attempts of the one`,
    };
  },
  expected: ({ handled, parked, lost, duplicated, left }) =>
    handled === 19 && parked === 1 && lost + duplicated + left === 0,
};

export const poison: Scenario = {
  title: 'a body that is no JSON, among 10 that are',
  isShort: true,
  play: async (stage) => {
    await stage.send(...tasks('before', 5));
    await stage.sendPoison('poison');
    await stage.send(...tasks('after', 5));
    await stage.untilDone(10_000, 10);
    await pause(1_000);
    return {};
  },
  expected: ({ handled, parked, lost, duplicated, left }) =>
    handled === 10 && parked === 1 && lost + duplicated + left === 0,
};

/** Who does not ask for the name of an event. */
const NO_NAMES = 'hands over whatever is in its queue';

export const unknownPattern: Scenario = {
  title: 'an event of a name that no handler is for, among 10 of another',
  isShort: false,
  without: {
    golevelup: NO_NAMES,
    rascal: NO_NAMES,
    'rabbitmq-client': NO_NAMES,
    'our-golevelup': NO_NAMES,
  },
  play: async (stage) => {
    await stage.send(...tasks('before', 5));
    await stage.sendUnknown({ id: 'unknown' });
    await stage.send(...tasks('after', 5));
    await stage.untilDone(10_000, 10);
    await pause(1_000);
    const [reason] = await stage.desk.reasons();
    return { note: reason === undefined ? 'no reason' : reason };
  },
  expected: ({ handled, parked, lost, duplicated, left, note }) =>
    handled === 10 && parked === 1 && lost + duplicated + left === 0 && note === 'NO_HANDLER',
};

export const nowhereToGo: Scenario = {
  title: 'the queues for what failed are deleted, then 5 fail for good',
  isShort: false,
  play: async (stage) => {
    const { desk } = stage;
    // Whoever makes queues of its own has made them then. What is in them goes with them, and is not counted.
    await desk.publish(tasks('first', 1, { failsUntil: FOR_EVER }));
    await waitFor(
      async () => (await desk.depth(desk.deadLetters)) > 0,
      'the first dead letter',
      GIVEN_UP_MS,
    ).catch(() => {});
    await desk.delete(...desk.forFailures);
    await stage.send(...tasks('bad', 5, { failsUntil: FOR_EVER }));
    await stage.until(
      (entries) => stage.sent.every(({ id }) => attemptsOf(entries, id) >= RETRY.attempts),
      GIVEN_UP_MS,
    );
    await pause(1_000);
    return {};
  },
  expected: ({ lost, parked }) => lost === 0 && parked === 5,
};

export const requestFails: Scenario = {
  title: 'a request fails',
  isShort: false,
  isCounted: false,
  settings: { isRpc: true },
  without: { rascal: 'has no requests' },
  play: async (stage) => {
    const good = await stage.desk.ask({ id: 'good' }, 3_000);
    const bad = await stage.desk.ask({ id: 'bad', failsUntil: FOR_EVER }, 3_000);
    const told = (what: string, { body, ms }: Answer): string =>
      `${what} ${body === undefined ? 'not answered in 3 s' : `answered in ${Math.round(ms)} ms`}`;
    const attempts = attemptsOf(stage.entries, 'bad');
    return {
      note: `${told('a good one', good)}, ${told('the other', bad)}, attempts: ${attempts}`,
    };
  },
};
