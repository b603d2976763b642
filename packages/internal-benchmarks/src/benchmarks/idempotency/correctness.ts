import { brokerScenarios } from './correctness/messages.js';
import { effectScenarios } from './correctness/effects.js';
import { failureScenarios } from './correctness/failures.js';
import { functionScenarios } from './correctness/functions.js';
import { httpScenarios } from './correctness/http.js';
import { recordScenarios } from './correctness/records.js';
import type { Scenario } from './correctness/scenario.js';
import { snippetScenarios } from './correctness/snippet.js';
import { zombieScenarios } from './correctness/zombies.js';
import type { Ground } from './ground.js';
import type { Run } from './report.js';

/** Speed says nothing about who keeps the promise: every known defect of a peer that can be run here, on the peer and on us. */
const scenarios: readonly Scenario[] = [
  ...httpScenarios,
  ...failureScenarios,
  ...recordScenarios,
  ...functionScenarios,
  ...zombieScenarios,
  ...effectScenarios,
  ...brokerScenarios,
  ...snippetScenarios,
];

export async function correctness(run: Run, ground: Ground): Promise<void> {
  for (const { id, defect, peer, observe } of scenarios) {
    const { peerResult, ours, ok } = await observe(ground);
    run.compare({ id, defect, peer, peerResult, ours, ok });
  }
}
