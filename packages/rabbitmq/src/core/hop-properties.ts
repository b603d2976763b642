import { HeaderNames } from '@acme/nest-message-context';
import { cloneTable } from './clone-table.js';

/** What amqplib hands to a consumer, as far as it is read here. */
export interface DeliveryLike {
  readonly fields: { readonly exchange: string; readonly routingKey: string };
  readonly properties: {
    readonly headers?: Readonly<Record<string, unknown>> | undefined;
    readonly messageId?: unknown;
    readonly type?: unknown;
    readonly contentType?: unknown;
    readonly contentEncoding?: unknown;
    readonly correlationId?: unknown;
    readonly replyTo?: unknown;
    readonly timestamp?: unknown;
    readonly appId?: unknown;
    readonly priority?: unknown;
  };
}

/** Where a message was first published to, and the queue it failed in. */
export interface Origin {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
}

/** Options of amqplib's `publish`, the headers excepted. */
export interface HopProperties {
  messageId?: string;
  type?: string;
  contentType?: string;
  contentEncoding?: string;
  correlationId?: string;
  replyTo?: string;
  appId?: string;
  timestamp?: number;
  priority?: number;
  headers: Record<string, unknown>;
  /** Always: a retry that a restart of the broker forgets is a lost message. */
  persistent: true;
}

const TEXTS = [
  'messageId',
  'type',
  'contentType',
  'contentEncoding',
  'correlationId',
  'replyTo',
  'appId',
] as const;

/**
 * What the broker counts and notes for itself (it begins anew with every publish, or, in brokers before 4.0, takes what it is
 * sent for its own and counts on), and CC and BCC, by which the message would be routed to others once more.
 */
const NOT_CARRIED =
  /^(?:x-death|x-(?:first|last)-death-.*|x-delivery-count|x-acquired-count|B?CC)$/;

/**
 * What of a delivery goes along when its consumer publishes it again. Not carried: `expiration` (the message would expire in
 * a wait or dead-letter queue), `userId` (the broker refuses another user's), `clusterId`, `deliveryMode`. The headers are a
 * copy that may be changed, by instrumentation as well.
 */
export function hopProperties({ properties }: DeliveryLike): HopProperties {
  const kept: HopProperties = { headers: carriedHeaders(properties.headers), persistent: true };
  for (const name of TEXTS) {
    const value = properties[name];
    if (typeof value === 'string') kept[name] = value;
  }
  const { timestamp, priority } = properties;
  if (isCount(timestamp)) kept.timestamp = timestamp;
  if (isCount(priority) && priority <= 255) kept.priority = priority;
  return kept;
}

function carriedHeaders(
  headers: Readonly<Record<string, unknown>> | undefined,
): Record<string, unknown> {
  const carried: Record<string, unknown> = {};
  for (const name of Object.keys(headers ?? {}))
    if (!NOT_CARRIED.test(name)) carried[name] = headers?.[name];
  return cloneTable(carried);
}

/**
 * Where a delivery came from before its first hop. A hop goes through the default exchange, with the queue's name as routing
 * key, and leaves the truth in headers; these headers on a message that came through any other exchange are a sender's copy
 * of something else.
 *
 * @param queue the queue that the delivery was consumed from
 */
export function originOf({ fields, properties }: DeliveryLike, queue: string): Origin {
  const headers = properties.headers ?? {};
  const first = textIn(headers, HeaderNames.originalQueue);
  if (fields.exchange !== '' || first === undefined || first === '')
    return { queue, exchange: fields.exchange, routingKey: fields.routingKey };
  return {
    queue: first,
    exchange: textIn(headers, HeaderNames.originalExchange) ?? fields.exchange,
    routingKey: textIn(headers, HeaderNames.originalRoutingKey) ?? fields.routingKey,
  };
}

/**
 * Which attempt a delivery is, 1 or more: what its header says, or what its queue has counted since the last hop, whichever
 * is more. Neither alone is enough: only the header survives a hop, and only the queue counts consumers that crash.
 *
 * @param deliveryCount `x-delivery-count` of a quorum queue: absent on the first delivery, then how many went before
 */
export function attemptOf(
  headers: Readonly<Record<string, unknown>> | undefined,
  deliveryCount?: unknown,
): number {
  return Math.max(1, countIn(headers, HeaderNames.attempt), (asCount(deliveryCount) ?? 0) + 1);
}

/** A header that counts, 0 where there is none that could be read. */
export function countIn(
  headers: Readonly<Record<string, unknown>> | undefined,
  name: string,
): number {
  return asCount(headers?.[name]) ?? 0;
}

/** Unix milliseconds of a header with an ISO time; undefined where there is none that could be read. */
export function timeIn(
  headers: Readonly<Record<string, unknown>> | undefined,
  name: string,
): number | undefined {
  const ms = Date.parse(textIn(headers, name) ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

/** A header as text; some clients send texts as bytes. */
export function textIn(
  headers: Readonly<Record<string, unknown>> | undefined,
  name: string,
): string | undefined {
  const value = headers?.[name];
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : undefined;
}

/** A whole number from 0 on, also one that a client has sent as text. */
function asCount(value: unknown): number | undefined {
  const text = textIn({ value }, 'value')?.trim();
  const number = text === undefined || text === '' ? value : Number(text);
  return isCount(number) ? number : undefined;
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
