import { setTimeout as pause } from 'node:timers/promises';

/** Resolves as soon as the condition holds, and rejects after ten seconds. */
export async function waitFor(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Waited ten seconds for ${what}.`);
    await pause(2);
  }
}
