import { inspect } from 'node:util';
import { TestingError } from '../testing.errors.js';

/** How `waitFor` waits. */
export interface WaitOptions {
  /** How long to wait, in milliseconds. Default 10 000. */
  readonly deadlineMs?: number;
  /** Pause between two looks, in milliseconds. Default 20. */
  readonly intervalMs?: number;
  /** What is waited for, in words: it stands in the error. */
  readonly what?: string;
}

// Taken before a spec can fake them.
const { setTimeout: realSetTimeout } = globalThis;
const now = performance.now.bind(performance);

/**
 * Resolves with the first truthy value of `condition`. A falsy value or a rejection means "not yet".
 * Rejects with `WAIT_TIMEOUT`, which shows the last value or carries the last error as its cause, when the deadline passes.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<NonNullable<T>> {
  const { deadlineMs = 10_000, intervalMs = 20, what = 'the condition' } = options;
  const deadline = now() + deadlineMs;
  let last: { value: T } | { error: unknown } | undefined;
  const look = async (): Promise<T | undefined> => {
    try {
      const value = await condition();
      last = { value };
      return value;
    } catch (error) {
      last = { error };
      return undefined;
    }
  };
  for (;;) {
    const remaining = deadline - now();
    // A condition that hangs must not outlive the deadline.
    const value = remaining > 0 ? await atMost(look(), remaining) : undefined;
    if (value) return value;
    if (now() + intervalMs >= deadline) throw timeout(what, deadlineMs, last);
    await new Promise((done) => realSetTimeout(done, intervalMs));
  }
}

function timeout(
  what: string,
  deadlineMs: number,
  last: { value: unknown } | { error: unknown } | undefined,
): TestingError {
  const seen =
    last === undefined
      ? 'it never answered'
      : 'error' in last
        ? `last error: ${inspect(last.error)}`
        : `last value: ${inspect(last.value, { depth: 4 })}`;
  return new TestingError(
    'WAIT_TIMEOUT',
    `Waited ${deadlineMs} ms for ${what}; ${seen}`,
    last && 'error' in last ? { cause: last.error } : undefined,
  );
}

async function atMost<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((done) => {
    timer = realSetTimeout(() => done(undefined), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
