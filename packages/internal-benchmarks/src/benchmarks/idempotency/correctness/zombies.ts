import { setTimeout as elapse } from 'node:timers/promises';
import { waitFor } from '../../../measure/wait-for.js';
import { inRedis } from '../our-service.js';
import { powertools } from '../powertools-peer.js';
import { Gate, outcomeOf, POWERTOOLS, thenClose, type Scenario } from './scenario.js';

/** The first run is held back until it is let go; every later one is done at once. */
function overtaken() {
  const gate = new Gate();
  const state = { runs: 0 };
  const run = async (): Promise<string> => {
    if (++state.runs > 1) return 'successor';
    await gate.opened;
    return 'zombie';
  };
  return { gate, state, run };
}

const HOLD_MS = 60;

export const zombieScenarios: readonly Scenario[] = [
  {
    id: '6.1 13',
    defect: 'one that was given up comes back: whose outcome is replayed',
    peer: POWERTOOLS,
    observe: async (ground) => {
      const peer = overtaken();
      const theirs = await powertools(ground, peer.run, { remainingMs: HOLD_MS });
      const call = () => theirs.call({ order: 'overtaken' });
      const peerResult = await thenClose(replayAfterZombie(call, peer), theirs.close);
      const own = overtaken();
      const { service, close } = await inRedis(ground.redis, ground.mark);
      const options = { name: 'overtaken', lockTtl: HOLD_MS, maxLockHold: HOLD_MS };
      const ourCall = () => service.run('order-1', own.run, options);
      const ours = await thenClose(replayAfterZombie(ourCall, own), close);
      return { peerResult, ours, ok: ours === '"successor"' };
    },
  },
];

async function replayAfterZombie(
  call: () => Promise<unknown>,
  { gate, state }: ReturnType<typeof overtaken>,
): Promise<string> {
  const zombie = outcomeOf(call());
  await waitFor(() => state.runs === 1, 'the first call to run');
  await elapse(HOLD_MS * 2);
  await outcomeOf(call());
  gate.open();
  await zombie;
  return outcomeOf(call());
}
