import { PARTS, withDetails } from './optional-parts.js';
import { encodeStatus } from './status-codec.js';
import type { RichStatus } from './types.js';

/**
 * Beyond about 52,000 bytes of trailers grpc-js does not answer at all, and others refuse 8 KiB of headers, into which
 * base64, the message and the user's metadata have to fit as well.
 */
const DEFAULT_BUDGET_BYTES = 4_096;

/** Key of `ErrorInfo.metadata` that says what was left out: `debugInfo,badRequest:47`. */
const TRUNCATED = 'truncated';

/** A status within its budget, and its bytes. */
export interface FittedStatus {
  readonly status: RichStatus;
  readonly bytes: Buffer;
}

/**
 * A status whose bytes are within the budget: what matters least is left out first, and the metadata of its ErrorInfo
 * says under `truncated` what and how much, so that nobody takes a part for the whole. ErrorInfo and RetryInfo are
 * always kept; a budget below 512 bytes may be too small for those.
 */
export function fitDetails(status: RichStatus, budgetBytes = DEFAULT_BUDGET_BYTES): FittedStatus {
  let kept = status;
  let fitted = marked(kept, []);
  const marks: string[] = [];
  for (const { name, isWhole, count, without } of PARTS) {
    if (fitted.bytes.length <= budgetBytes) break;
    const most = count(kept);
    if (most === 0) continue;
    const markOf = (parts: number): string => (isWhole ? name : `${name}:${parts}`);
    const whole = kept;
    const fittedWithout = (parts: number): FittedStatus =>
      marked(without(whole, parts), [...marks, markOf(parts)]);
    const parts = smallest(most, (some) => fittedWithout(some).bytes.length <= budgetBytes);
    kept = without(whole, parts);
    fitted = fittedWithout(parts);
    marks.push(markOf(parts));
  }
  return fitted;
}

/** The smallest number from 1 that is enough, where every larger one is as well; `most` when none is. */
function smallest(most: number, isEnough: (some: number) => boolean): number {
  let low = 1;
  let high = most;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isEnough(middle)) high = middle;
    else low = middle + 1;
  }
  return high;
}

/** With the marks after those of a service before this one, whose status this one passes on. */
function marked(status: RichStatus, marks: readonly string[]): FittedStatus {
  const { errorInfo } = status.details;
  if (marks.length === 0 || !errorInfo) return { status, bytes: encodeStatus(status) };
  const before = errorInfo.metadata[TRUNCATED];
  const truncated = (before ? [before, ...marks] : marks).join();
  const metadata = { ...errorInfo.metadata, [TRUNCATED]: truncated };
  const withMarks = withDetails(status, { errorInfo: { ...errorInfo, metadata } });
  return { status: withMarks, bytes: encodeStatus(withMarks) };
}
