import { HeaderNames } from '@acme/nest-message-context';
import { attemptOf, countIn, timeIn, type DeliveryLike } from './hop-properties.js';
import type { DeliveryHistory } from './settle-plan.js';

/**
 * What a delivery has been through. What a retry notes is believed of a message that was retried: a sender may have copied it.
 *
 * @param attempt as its handler knows it
 */
export function historyOf(
  { fields, properties: { headers } }: DeliveryLike,
  attempt = 1,
): DeliveryHistory {
  const wasRetried = fields.exchange === '';
  return {
    attempt: Math.max(attempt, attemptOf(headers, headers?.['x-delivery-count'])),
    deferrals: wasRetried ? countIn(headers, HeaderNames.deferrals) : 0,
    firstFailedAt: wasRetried ? timeIn(headers, HeaderNames.firstFailedAt) : undefined,
  };
}
