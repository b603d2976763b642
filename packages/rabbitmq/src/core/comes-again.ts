import { HeaderNames } from '@acme/nest-message-context';
import { attemptOf, countIn, type DeliveryLike } from './hop-properties.js';

/** Whether a message was delivered before: retried, put off, given back, or brought back out of a dead-letter queue. */
export function comesAgain({
  fields: { redelivered },
  properties: { headers },
}: Pick<DeliveryLike, 'properties'> & {
  readonly fields: { readonly redelivered: boolean };
}): boolean {
  return (
    redelivered ||
    attemptOf(headers, headers?.['x-delivery-count']) > 1 ||
    countIn(headers, HeaderNames.deferrals) > 0 ||
    countIn(headers, HeaderNames.redriveCount) > 0
  );
}
