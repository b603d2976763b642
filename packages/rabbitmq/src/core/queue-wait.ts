/** What a delivery says of when it was sent. */
interface Sent {
  readonly timestamp?: unknown;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

/** What has the broker write down when it took a message, in milliseconds: an interceptor, or a plugin for older ones. */
const BY_BROKER = 'timestamp_in_ms';
/** As seconds this would be the year 5138: it is milliseconds, as many a sender writes them. */
const AS_MS = 1e11;

/**
 * How long a message was under way and in its queue, in milliseconds; undefined where it does not say when it was sent.
 *
 * AMQP's timestamp is the second in which it was sent: it is counted from the end of that second, so that this is never more than it
 * was, and up to a second less. It comes from another machine: where its clock is ahead, the wait is 0.
 *
 * @param now Unix milliseconds
 */
export function queueWaitMs({ timestamp, headers }: Sent, now: number): number | undefined {
  const byBroker = headers?.[BY_BROKER];
  const sent = isTime(byBroker) ? byBroker : isTime(timestamp) ? latest(timestamp) : undefined;
  return sent === undefined ? undefined : Math.max(0, now - sent);
}

const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0;

const latest = (timestamp: number): number =>
  timestamp >= AS_MS ? timestamp : timestamp * 1_000 + 999;
