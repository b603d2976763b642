import { statusMessage } from '../text/status-message.js';
import type { ErrorDetails, RichStatus } from './types.js';

/** Something that a status can do without, wholly or by a number of its parts. */
export interface OptionalPart {
  readonly name: string;
  /** How many parts there are to leave out; 0 when there is nothing. */
  readonly count: (status: RichStatus) => number;
  readonly without: (status: RichStatus, parts: number) => RichStatus;
  /** Reported without a number. */
  readonly isWhole?: boolean;
}

export const withDetails = (status: RichStatus, details: ErrorDetails): RichStatus => ({
  ...status,
  details: { ...status.details, ...details },
});

function without(status: RichStatus, slot: keyof ErrorDetails): RichStatus {
  const { [slot]: _, ...details } = status.details;
  return { ...status, details };
}

const whole = (slot: keyof ErrorDetails): OptionalPart => ({
  name: slot,
  isWhole: true,
  count: ({ details }) => (details[slot] === undefined ? 0 : 1),
  without: (status) => without(status, slot),
});

/** A list of which the first are kept, as those are what a form shows. */
function list<Slot extends keyof ErrorDetails, Element>(
  slot: Slot,
  elementsOf: (detail: NonNullable<ErrorDetails[Slot]>) => readonly Element[],
  withElements: (elements: readonly Element[]) => NonNullable<ErrorDetails[Slot]>,
): OptionalPart {
  const elements = ({ details }: RichStatus) => (details[slot] ? elementsOf(details[slot]) : []);
  return {
    name: slot,
    // An empty one as well: its name alone takes 40 bytes.
    count: (status) => (status.details[slot] ? Math.max(1, elements(status).length) : 0),
    without(status, parts) {
      const kept = elements(status).slice(0, -parts);
      if (kept.length === 0) return without(status, slot);
      return withDetails(status, { [slot]: withElements(kept) });
    },
  };
}

const MESSAGE_BYTES = 64;

/** The trailer `grpc-message` still has all of it. */
const message: OptionalPart = {
  name: 'message',
  isWhole: true,
  count: (status) => Math.max(0, Buffer.byteLength(status.message) - MESSAGE_BYTES),
  without: (status, parts) => ({
    ...status,
    message: statusMessage(status.message, Buffer.byteLength(status.message) - parts),
  }),
};

const sizeOf = ([key, value]: [string, unknown]): number => key.length + String(value).length;

/** The largest first: so most keys survive. */
const metadata: OptionalPart = {
  name: 'metadata',
  count: ({ details }) => Object.keys(details.errorInfo?.metadata ?? {}).length,
  without(status, parts) {
    const errorInfo = status.details.errorInfo!;
    const all = Object.entries(errorInfo.metadata);
    const dropped = new Set(all.toSorted((a, b) => sizeOf(b) - sizeOf(a)).slice(0, parts));
    const kept = Object.fromEntries(all.filter((entry) => !dropped.has(entry)));
    return withDetails(status, { errorInfo: { ...errorInfo, metadata: kept } });
  },
};

const NAME_BYTES = 63;

/** No valid reason is as long (AIP-193); only with one that is not could the rest be too much. */
const names: OptionalPart = {
  name: 'errorInfo',
  isWhole: true,
  count: ({ details }) => (details.errorInfo ? 1 : 0),
  without(status) {
    const errorInfo = status.details.errorInfo!;
    const reason = statusMessage(errorInfo.reason, NAME_BYTES);
    const domain = statusMessage(errorInfo.domain, NAME_BYTES);
    return withDetails(status, { errorInfo: { ...errorInfo, reason, domain } });
  },
};

/** What is left out, in this order. RetryInfo and ErrorInfo are not: programs decide by them. */
export const PARTS: readonly OptionalPart[] = [
  whole('debugInfo'),
  whole('help'),
  whole('localizedMessage'),
  list(
    'other',
    (other) => other,
    (other) => other,
  ),
  list(
    'badRequest',
    (one) => one.fieldViolations,
    (fieldViolations) => ({ fieldViolations }),
  ),
  list(
    'preconditionFailure',
    (one) => one.violations,
    (violations) => ({ violations }),
  ),
  list(
    'quotaFailure',
    (one) => one.violations,
    (violations) => ({ violations }),
  ),
  whole('requestInfo'),
  whole('resourceInfo'),
  message,
  metadata,
  names,
];
