import { HeaderNames } from '@acme/nest-message-context';
import { withoutFailure } from './failure-record.js';
import { MAX_HEADERS_BYTES, sizeOfHeaders } from './headers-size.js';
import { countIn, hopProperties, type DeliveryLike, type HopProperties } from './hop-properties.js';
import type { ParkedOrigin } from './parked-origin.js';

export interface RedriveFacts {
  /** The queue that it is brought to. */
  readonly to: string;
  /** Where it failed, as far as that is known. */
  readonly origin: ParkedOrigin | undefined;
  /** Id of the run. */
  readonly id: string;
  /** Unix milliseconds. */
  readonly now: number;
}

/** With them it would go on where it ended, and be parked again at once. */
const COUNTED = [
  HeaderNames.attempt,
  HeaderNames.deferrals,
  HeaderNames.firstFailedAt,
  HeaderNames.lastFailedAt,
];

/**
 * What a parked message is published with to be tried afresh; undefined where its headers have no room for the little that is added.
 *
 * Its failure and its attempts are taken off. Where it first came from stays, because it now comes by the default exchange and its
 * consumer reads its routing key there; the queue becomes the one that it goes to, which is where it fails next. A deadline that has
 * passed is taken off as well: its handler would be aborted before it begins.
 */
export function redriveProperties(
  delivery: DeliveryLike,
  { to, origin, id, now }: RedriveFacts,
): HopProperties | undefined {
  const properties = hopProperties(delivery);
  const headers = withoutFailure(properties.headers);
  for (const name of COUNTED) delete headers[name];
  const deadline = countIn(headers, HeaderNames.deadline);
  if (deadline > 0 && deadline <= now) delete headers[HeaderNames.deadline];
  headers[HeaderNames.originalQueue] = to;
  if (origin?.exchange !== undefined) headers[HeaderNames.originalExchange] = origin.exchange;
  if (origin?.routingKey !== undefined) headers[HeaderNames.originalRoutingKey] = origin.routingKey;
  headers[HeaderNames.redriveId] = id;
  headers[HeaderNames.redriveCount] = countIn(headers, HeaderNames.redriveCount) + 1;
  headers[HeaderNames.redriveAt] = new Date(now).toISOString();
  if (sizeOfHeaders(headers) > MAX_HEADERS_BYTES) return undefined;
  return { ...properties, headers };
}
