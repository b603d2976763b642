import { setTimeout as elapse } from 'node:timers/promises';
import type { IoRedisLike } from '@acme/nest-idempotency';
import { waitFor } from '../../../measure/wait-for.js';
import type { Ground } from '../ground.js';
import { inRedis } from '../our-service.js';
import { powertools, type Order, type PowertoolsSetup } from '../powertools-peer.js';
import { Gate, outcomeOf, POWERTOOLS, ranTimes, thenClose, type Scenario } from './scenario.js';

/** A function that counts its runs and may be held back. */
function counted(gate?: Gate) {
  const state = { runs: 0 };
  const run = async (): Promise<{ run: number }> => {
    const mine = ++state.runs;
    await gate?.opened;
    return { run: mine };
  };
  return { state, run };
}

/** Calls it while it runs, lets both go on, and says what came of them. */
async function meeting(call: () => Promise<unknown>, state: { runs: number }, gate: Gate) {
  const first = outcomeOf(call());
  await waitFor(() => state.runs === 1, 'the first call to run');
  let answered = false;
  const second = outcomeOf(call()).finally(() => (answered = true));
  // A duplicate that waits does so silently: long enough for one that does not to be seen.
  const deadline = performance.now() + 200;
  await waitFor(() => answered || state.runs > 1 || performance.now() > deadline, 'the second');
  gate.open();
  const results = await Promise.all([first, second]);
  return { results, text: `${results.join(' and ')}, ${ranTimes(state.runs)}` };
}

async function ourMeeting(ground: Ground, name: string) {
  const gate = new Gate();
  const { state, run } = counted(gate);
  const ours = await inRedis(ground.redis, ground.mark);
  const call = () => ours.service.run('order-1', run, { name });
  const { results, text } = await thenClose(meeting(call, state, gate), ours.close);
  return { ours: text, ok: state.runs === 1 && results[0] === results[1] };
}

async function theirMeeting(ground: Ground, order: Order, setup: PowertoolsSetup) {
  const gate = new Gate();
  const { state, run } = counted(gate);
  const theirs = await powertools(ground, run, setup);
  return (
    await thenClose(
      meeting(() => theirs.call(order), state, gate),
      theirs.close,
    )
  ).text;
}

export const functionScenarios: readonly Scenario[] = [
  {
    id: '6.1 10',
    defect: 'two calls at a time, outside of a Lambda',
    peer: POWERTOOLS,
    observe: async (ground) => ({
      peerResult: await theirMeeting(ground, { order: 'no-context' }, { remainingMs: null }),
      ...(await ourMeeting(ground, 'no context')),
    }),
  },
  {
    id: 'W 13',
    defect: 'a duplicate that comes while the first call runs',
    peer: POWERTOOLS,
    observe: async (ground) => ({
      peerResult: await theirMeeting(ground, { order: 'in-flight' }, {}),
      ...(await ourMeeting(ground, 'in flight')),
    }),
  },
  {
    id: '6.1 11',
    defect: 'a replay where the payload is compared',
    peer: POWERTOOLS,
    observe: async (ground) => {
      const order = { order: 'validated', amount: 5 };
      const settings = { eventKeyJmesPath: 'order', payloadValidationJmesPath: 'amount' };
      const theirs = await powertools(ground, counted().run, { settings });
      await theirs.call(order);
      const peerResult = await thenClose(outcomeOf(theirs.call(order)), theirs.close);
      const { service, close } = await inRedis(ground.redis, ground.mark);
      const { run } = counted();
      const call = () =>
        service.run(order.order, run, { name: 'validated', fingerprint: order.amount });
      await call();
      const ours = await thenClose(outcomeOf(call()), close);
      return { peerResult, ours, ok: ours === '{"run":1}' };
    },
  },
  {
    id: '6.1 12',
    defect: 'the store fails once, when the outcome is recorded',
    peer: POWERTOOLS,
    observe: async (ground) => {
      const peer = counted();
      const between: PowertoolsSetup['between'] = (client) => ({
        get: (name) => client.get(name),
        del: (keys) => client.del(keys),
        set: failingOnce(2, (...args: Parameters<typeof client.set>) => client.set(...args)),
      });
      // The call is repeated when the invocation is over, as a queue repeats it.
      const theirs = await powertools(ground, peer.run, { between, remainingMs: 20 });
      const call = () => theirs.call({ order: 'unrecorded' });
      const theirResults = await thenClose(repeated(call, 40), theirs.close);
      const own = counted();
      const { service, close } = await inRedis(flaky(ground.redis), ground.mark);
      const ourCall = () => service.run('order-1', own.run, { name: 'unrecorded' });
      const ourResults = await thenClose(repeated(ourCall, 40), close);
      return {
        peerResult: `${theirResults}, ${ranTimes(peer.state.runs)}`,
        ours: `${ourResults}, ${ranTimes(own.state.runs)}`,
        ok: ourResults === '{"run":1}, then {"run":1}' && own.state.runs === 1,
      };
    },
  },
];

async function repeated(call: () => Promise<unknown>, afterMs: number): Promise<string> {
  const first = await outcomeOf(call());
  await elapse(afterMs);
  return `${first}, then ${await outcomeOf(call())}`;
}

/** The second command of a call is the one that records. */
const flaky = (client: IoRedisLike): IoRedisLike => ({
  eval: (...args) => client.eval(...args),
  evalsha: failingOnce(2, (...args: Parameters<IoRedisLike['evalsha']>) => client.evalsha(...args)),
});

function failingOnce<Args extends unknown[], Result>(
  failing: number,
  send: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  let sent = 0;
  return async (...args) => {
    if (++sent === failing) throw new Error('The connection is lost for a moment.');
    return send(...args);
  };
}
