import type { ParkedMessage } from './parked-message.js';

/** Which messages are meant: all that is given must hold; of a list, one. */
export interface DeadLetterFilter {
  readonly fingerprint?: string | readonly string[] | undefined;
  readonly code?: string | readonly string[] | undefined;
  /** Name of the error's class. */
  readonly errorName?: string | readonly string[] | undefined;
  /** The queue that it failed in. */
  readonly queue?: string | readonly string[] | undefined;
  /** The AMQP property `type`. */
  readonly type?: string | readonly string[] | undefined;
  /** With which it was first published. */
  readonly routingKey?: string | readonly string[] | undefined;
  readonly messageId?: string | readonly string[] | undefined;
  /** Unix milliseconds: it last failed then or later. */
  readonly failedFrom?: number | undefined;
  /** Unix milliseconds: it last failed before. */
  readonly failedBefore?: number | undefined;
  /** It was brought back so often or more. */
  readonly redrivenAtLeast?: number | undefined;
  /** It was brought back so often or less. */
  readonly redrivenAtMost?: number | undefined;
  /** Anything else. */
  readonly where?: ((message: ParkedMessage) => boolean) | undefined;
}

/** Names of its members. */
export const FILTER_TEXTS = [
  'fingerprint',
  'code',
  'errorName',
  'queue',
  'type',
  'routingKey',
  'messageId',
] as const;
export const FILTER_NUMBERS = [
  'failedFrom',
  'failedBefore',
  'redrivenAtLeast',
  'redrivenAtMost',
] as const;

/** Whether it says anything: an empty one means all messages. */
export const isEmptyFilter = (filter: DeadLetterFilter): boolean =>
  Object.values(filter).every((value) => value === undefined);

/** Whether a message is meant. What a message does not say is never what is asked for. */
export function matches(filter: DeadLetterFilter, message: ParkedMessage): boolean {
  const { origin, lastFailedAt, redriveCount } = message;
  const texts: Record<(typeof FILTER_TEXTS)[number], string | undefined> = {
    fingerprint: message.fingerprint,
    code: message.code,
    errorName: message.errorName,
    queue: origin?.queue,
    type: message.type,
    routingKey: origin?.routingKey,
    messageId: message.messageId,
  };
  return (
    FILTER_TEXTS.every((name) => isOneOf(filter[name], texts[name])) &&
    isFrom(filter.failedFrom, lastFailedAt) &&
    (filter.failedBefore === undefined ||
      (lastFailedAt !== undefined && lastFailedAt < filter.failedBefore)) &&
    isFrom(filter.redrivenAtLeast, redriveCount) &&
    redriveCount <= (filter.redrivenAtMost ?? Infinity) &&
    (filter.where?.(message) ?? true)
  );
}

function isOneOf(wanted: string | readonly string[] | undefined, value: string | undefined) {
  if (wanted === undefined) return true;
  if (value === undefined) return false;
  return typeof wanted === 'string' ? wanted === value : wanted.includes(value);
}

const isFrom = (least: number | undefined, value: number | undefined): boolean =>
  least === undefined || (value !== undefined && value >= least);
