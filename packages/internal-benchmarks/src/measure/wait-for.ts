import { setTimeout as pause } from 'node:timers/promises';

/** Resolves as soon as the condition holds, and rejects when the time is up: ten seconds, unless told otherwise. */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`Waited ${timeoutMs / 1_000} seconds for ${what}.`);
    await pause(2);
  }
}
