import type { RetryInfo } from './types.js';
import type { WireRetryInfo } from './messages.js';

/** What google.protobuf.Duration allows: about 10,000 years. */
const MAX_MS = 315_576_000_000 * 1_000;
const NANOS_PER_MS = 1_000_000;

/** Whole milliseconds from 0 to the most that a Duration can say: a wait is never negative, and NaN is none. */
const waitOf = (ms: number): number => (ms > 0 ? Math.min(Math.ceil(ms), MAX_MS) : 0);

/** Rounded up like everything here: who waits a little less than was asked for comes too early. */
export function toWireRetryInfo({ retryDelayMs }: RetryInfo): WireRetryInfo {
  const ms = waitOf(retryDelayMs);
  return { retryDelay: { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * NANOS_PER_MS } };
}

export function fromWireRetryInfo({ retryDelay }: WireRetryInfo): RetryInfo {
  if (!retryDelay) return { retryDelayMs: 0 };
  const { seconds, nanos } = retryDelay;
  return { retryDelayMs: waitOf(seconds * 1_000 + Math.ceil(nanos / NANOS_PER_MS)) };
}
