import { createHash } from 'node:crypto';
import { HeaderNames } from '@acme/nest-message-context';
import { countIn, textIn, timeIn, type DeliveryLike } from './hop-properties.js';
import { deathsIn, parkedOriginOf, type ParkedOrigin } from './parked-origin.js';

/** A message of a dead-letter queue, without its content. */
export interface ParkedMessage {
  /** Where it stands: 1 is the oldest that was there. */
  readonly position: number;
  readonly messageId: string | undefined;
  /** The AMQP property: the name of the event, as a rule. */
  readonly type: string | undefined;
  /** Where it failed, and where it goes back to; undefined where nothing says so. */
  readonly origin: ParkedOrigin | undefined;
  /** The same for all that failed for one bug; always there, also where no error was noted. */
  readonly fingerprint: string;
  /** `x-error-code`; of what the broker has given up itself `BROKER_REJECTED`, `BROKER_EXPIRED`, …; else `UNKNOWN`. */
  readonly code: string;
  readonly errorName: string | undefined;
  readonly errorMessage: string | undefined;
  /** Which service has noted the failure. */
  readonly service: string | undefined;
  /** How often it was tried; undefined where nobody has counted. */
  readonly attempt: number | undefined;
  /** Unix milliseconds. */
  readonly firstFailedAt: number | undefined;
  /** Unix milliseconds. */
  readonly lastFailedAt: number | undefined;
  /** How often it was brought back before. */
  readonly redriveCount: number;
  /** The last run that has brought it back. */
  readonly redriveId: string | undefined;
  /** Bytes of the body. */
  readonly size: number;
  /** How often it was delivered before, where its queue counts that: looking counts, too. */
  readonly deliveryCount: number | undefined;
}

/** What amqplib hands over, as far as it is read here. */
export interface ParkedDeliveryLike extends DeliveryLike {
  readonly content: Uint8Array;
}

/** Reads a message of a dead-letter queue, whoever has put it there; never throws. */
export function parkedMessageOf(
  { properties, content }: ParkedDeliveryLike,
  parkedIn: string,
  position: number,
): ParkedMessage {
  const { headers } = properties;
  const origin = parkedOriginOf(headers, parkedIn);
  const [death, ...before] = deathsIn(headers);
  const first = before.at(-1) ?? death;
  const noted = textIn(headers, HeaderNames.errorCode);
  // Given up by the broker between two attempts.
  const code = noted ?? brokersCode(death?.reason);
  const attempt = countIn(headers, HeaderNames.attempt);
  return {
    position,
    messageId: textOf(properties.messageId),
    type: textOf(properties.type),
    origin,
    fingerprint:
      textIn(headers, HeaderNames.errorFingerprint) || fingerprintWithout(code, origin?.queue),
    code,
    errorName: textIn(headers, HeaderNames.errorName),
    errorMessage: textIn(headers, HeaderNames.errorMessage),
    service: textIn(headers, HeaderNames.errorService),
    attempt: attempt > 0 ? attempt : undefined,
    firstFailedAt: timeIn(headers, HeaderNames.firstFailedAt) ?? first?.at,
    lastFailedAt: timeIn(headers, HeaderNames.lastFailedAt) ?? death?.at,
    redriveCount: countIn(headers, HeaderNames.redriveCount),
    redriveId: textIn(headers, HeaderNames.redriveId),
    size: content.byteLength,
    deliveryCount: countOrNone(headers, 'x-delivery-count'),
  };
}

const brokersCode = (reason: string | undefined): string =>
  reason === undefined ? 'UNKNOWN' : `BROKER_${reason.toUpperCase().replaceAll(/\W+/g, '_')}`;

/** Of what no error was noted, what failed in one place in one way is one group. */
const fingerprintWithout = (code: string, queue = ''): string =>
  createHash('sha256').update(`${code}\n${queue}`).digest('hex').slice(0, 16);

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const countOrNone = (headers: DeliveryLike['properties']['headers'], name: string) =>
  headers?.[name] === undefined ? undefined : countIn(headers, name);
