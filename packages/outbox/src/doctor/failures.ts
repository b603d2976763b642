import type { OutboxExamination, OutboxFinding } from '../contracts/examination.js';
import type { OutboxStatus } from '../contracts/messages.js';
import { durationText } from '@acme/nest-message-context/kit';

/** Which messages cannot be published, and why. */
export function judgeFailures(
  status: OutboxStatus,
  examination: OutboxExamination | undefined,
): OutboxFinding[] {
  return [
    ...unroutable(examination),
    ...awaitingParked(examination),
    ...blocked(status, examination),
    ...parked(status, examination),
  ];
}

function unroutable(examination: OutboxExamination | undefined): OutboxFinding[] {
  const routes = examination?.unroutable ?? [];
  if (routes.length === 0) return [];
  const listed = routes.map(
    ({ exchange, routingKey, messages }) =>
      `${exchange === null ? "the publisher's exchange" : `exchange "${exchange}"`} with routing key "${routingKey}" (${messages})`,
  );
  return [
    {
      code: 'UNROUTABLE',
      severity: 'error',
      message: `No queue was bound for messages to ${listed.join(', ')}.`,
      remedy:
        'Declare the queue and bind it to the exchange with this routing key; waiting messages leave by themselves then. Parked ones: nest-outbox redrive --reason UNROUTABLE. If nobody is to have them: nest-outbox discard --reason UNROUTABLE.',
      detail: { routes },
    },
  ];
}

function awaitingParked(examination: OutboxExamination | undefined): OutboxFinding[] {
  const keys = examination?.awaitingParked ?? 0;
  if (keys === 0) return [];
  return [
    {
      code: 'KEYS_AWAIT_PARKED',
      severity: 'error',
      message: `${keys} keys wait for a parked message (retry.onPark is 'block-key'): none of their messages leaves until somebody decides.`,
      remedy:
        'Look at them with nest-outbox parked, mend the cause, then nest-outbox redrive --key KEY; or let the key go on without it: nest-outbox discard --key KEY.',
      detail: { keys },
    },
  ];
}

function blocked(
  status: OutboxStatus,
  examination: OutboxExamination | undefined,
): OutboxFinding[] {
  const keys = status.blocked - (examination?.awaitingParked ?? 0);
  const reasons = examination?.blocked ?? [];
  if (keys === 0 || (examination && reasons.length === 0)) return [];
  const why = reasons.map((group) => `${group.reason} (${group.keys})`).join(', ');
  return [
    {
      code: 'KEYS_BLOCKED',
      severity: 'warning',
      message: `${keys} keys, or messages without one, have failed and are tried again; ${status.waiting} messages wait there${why ? `. Why: ${why}` : ''}.`,
      remedy: REMEDIES[reasons[0]?.reason ?? ''] ?? LOOK,
      detail: { keys, waiting: status.waiting, reasons },
    },
  ];
}

function parked(status: OutboxStatus, examination: OutboxExamination | undefined): OutboxFinding[] {
  if (status.parked === 0) return [];
  const groups = examination?.parked ?? [];
  const listed = groups.map(({ reason, type, messages }) => `${type}: ${reason} (${messages})`);
  const oldestMs = Math.max(0, ...groups.map((group) => group.oldestMs));
  const since = groups.length > 0 ? `, the first ${durationText(oldestMs)} ago` : '';
  return [
    {
      code: 'PARKED',
      severity: 'warning',
      message: `${status.parked} messages were given up${since}${listed.length > 0 ? `: ${listed.join(', ')}` : ''}.`,
      remedy:
        'Look at them with nest-outbox parked, mend the cause, then nest-outbox redrive with --reason, --type, --key or --id; or nest-outbox discard.',
      detail: { parked: status.parked, groups },
    },
  ];
}

const LOOK =
  'The log of the relays tells of every failure. They are tried again by themselves, and parked when retry.attempts are used up.';

/** For the most frequent reason. */
const REMEDIES: Readonly<Record<string, string>> = {
  UNROUTABLE: 'See UNROUTABLE.',
  EXCHANGE_UNAVAILABLE:
    'Declare the exchange, or permit the relay to write to it. They are tried again by themselves.',
  NACKED:
    'A queue is full (x-overflow: reject-publish) or has no leader: let its consumers catch up, or raise its limit. They are tried again by themselves.',
};
