import type { PurgeReport, RedriveReport } from '../dead-letters/dead-letters.types.js';

/** What an interrupted run has done, and how to go on. */
export function doneSoFar(report: unknown): string[] {
  const { id, redriven, purged } = (report ?? {}) as Partial<RedriveReport & PurgeReport>;
  if (redriven !== undefined)
    return [
      `Redriven so far: ${redriven}. Everything else is in its queue; go on with --resume ${id}.`,
    ];
  return purged === undefined ? [] : [`Purged so far: ${purged}. Everything else is in its queue.`];
}
