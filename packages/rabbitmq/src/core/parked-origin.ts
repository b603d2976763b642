import { HeaderNames } from '@acme/nest-message-context';
import { textIn } from './hop-properties.js';

/** The queue that a parked message failed in, and how it had come there as far as that is known. */
export interface ParkedOrigin {
  readonly queue: string;
  readonly exchange: string | undefined;
  readonly routingKey: string | undefined;
}

/** What a broker notes when it dead-letters: one entry for each queue and reason, the latest first. */
export interface Death {
  readonly queue: string;
  /** `rejected`, `expired`, `maxlen`, `delivery_limit`. */
  readonly reason: string;
  readonly exchange: string | undefined;
  readonly routingKey: string | undefined;
  /** Unix milliseconds. */
  readonly at: number | undefined;
}

type Headers = Readonly<Record<string, unknown>> | undefined;

/**
 * Where a message of a dead-letter queue failed, which is where it goes back to; undefined where nothing says so.
 *
 * What parking noted is believed first. Of a message that the broker has given up (`x-death`) the headers may be a sender's copy of
 * another one's: there the broker's word counts. An expiry says less than a rejection: it is how wait queues of all makes end.
 *
 * @param parkedIn the queue that it is parked in, which it cannot have come from
 */
export function parkedOriginOf(headers: Headers, parkedIn: string): ParkedOrigin | undefined {
  const noted = notedIn(headers, parkedIn);
  // A retry notes no code: that is what became of a message.
  if (noted && textIn(headers, HeaderNames.errorCode) !== undefined) return noted;
  const deaths = deathsIn(headers).filter(({ queue }) => queue !== parkedIn);
  const failed = deaths.find(({ reason }) => reason !== 'expired');
  if (failed) return ofDeath(failed, noted);
  if (noted) return noted;
  const first = textIn(headers, 'x-first-death-queue');
  const named = deaths.find(({ queue }) => queue === first) ?? deaths.at(-1);
  if (named) return ofDeath(named, noted);
  if (first === undefined || first === '' || first === parkedIn) return undefined;
  const exchange = textIn(headers, 'x-first-death-exchange');
  return { queue: first, exchange, routingKey: undefined };
}

function notedIn(headers: Headers, parkedIn: string): ParkedOrigin | undefined {
  const queue = textIn(headers, HeaderNames.originalQueue);
  if (queue === undefined || queue === '' || queue === parkedIn) return undefined;
  return {
    queue,
    exchange: textIn(headers, HeaderNames.originalExchange),
    routingKey: textIn(headers, HeaderNames.originalRoutingKey),
  };
}

/** A retry goes by the default exchange, and has noted by which way its message first came. */
function ofDeath(death: Death, noted: ParkedOrigin | undefined): ParkedOrigin {
  const { queue, exchange, routingKey } = death;
  return exchange === '' && noted?.queue === queue ? noted : { queue, exchange, routingKey };
}

/** The broker's notes, those that can be read. */
export function deathsIn(headers: Headers): readonly Death[] {
  const entries: unknown = headers?.['x-death'];
  return Array.isArray(entries) ? entries.flatMap(deathOf) : [];
}

function deathOf(entry: unknown): Death[] {
  if (typeof entry !== 'object' || entry === null) return [];
  const table = entry as Record<string, unknown>;
  const queue = textIn(table, 'queue');
  if (queue === undefined || queue === '') return [];
  const keys = table['routing-keys'];
  return [
    {
      queue,
      reason: textIn(table, 'reason') ?? 'unknown',
      exchange: textIn(table, 'exchange'),
      routingKey: Array.isArray(keys) ? textIn({ key: keys[0] as unknown }, 'key') : undefined,
      at: secondsIn(table['time']),
    },
  ];
}

/** amqplib's notation of a timestamp; the broker's are seconds. */
function secondsIn(time: unknown): number | undefined {
  if (typeof time !== 'object' || time === null) return undefined;
  const { value } = time as { value?: unknown };
  return typeof value === 'number' && value > 0 && value < 2 ** 40 ? value * 1_000 : undefined;
}
