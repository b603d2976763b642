import { table } from '@acme/nest-message-context/kit';
import { valueText } from '../core/topology-remedy.js';
import type { TopologyEntry, TopologyPlan } from './topology.types.js';

/** A plan for people: one line each, and below it what differs and what to do. */
export function topologyText({ entries }: TopologyPlan): string {
  const rows = entries.map(({ state, kind, name }) => [state, kind, name]);
  const lines = table(rows).split('\n');
  return entries.flatMap((entry, index) => [lines[index] ?? '', ...detailsOf(entry)]).join('\n');
}

function detailsOf({ differences, steps, reason }: TopologyEntry): string[] {
  return [
    ...differences.map(
      ({ argument, wanted, actual }) =>
        `    ${argument}: wanted ${valueText(wanted)}, is ${valueText(actual)}`,
    ),
    ...steps.map((step) => `      ${step}`),
    ...(reason === undefined ? [] : [`    ${reason}`]),
  ];
}
