import { setTimeout as pause } from 'node:timers/promises';

/** What was waited for did not come, or something that must not fail has failed. Its message is meant for people. */
export class DemoFailure extends Error {
  override readonly name = 'DemoFailure';
}

/** How long to wait for something, and who may end the waiting. */
export interface Patience {
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

export interface Wait extends Patience {
  /** What is waited for, in words. */
  readonly what: string;
}

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>;

/** Resolves with the first truthy value of `condition`; a rejection counts as "not yet". */
export async function until<T>(
  condition: () => T | Promise<T>,
  { what, deadlineMs, signal }: Wait,
): Promise<Truthy<T>> {
  const deadline = Date.now() + deadlineMs;
  let reason = 'it never came';
  while (Date.now() < deadline) {
    signal.throwIfAborted();
    try {
      const value = await condition();
      if (value) return value as Truthy<T>;
    } catch (error) {
      if (error instanceof DemoFailure) throw error;
      reason = error instanceof Error ? error.message : String(error);
    }
    await pause(50, undefined, { signal });
  }
  throw new DemoFailure(`Waited ${deadlineMs / 1000} s for ${what}: ${reason}`);
}
