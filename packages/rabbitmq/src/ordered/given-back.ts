import type { InboundMessage } from '@acme/nest-message-context';

/** Whether a handler that has returned gives its message back to the queue: by hand, or with golevelup's `Nack`. */
export function isGivenBack({ delivery }: InboundMessage, result: unknown): boolean {
  const { decision } = delivery;
  return decision ? decision.action === 'requeue' : isNack(result) && result.requeue === true;
}

/** By shape: golevelup is not imported here, and minifiers rename classes. */
function isNack(value: unknown): value is { readonly requeue: unknown } {
  if (typeof value !== 'object' || value === null || !('requeue' in value)) return false;
  return typeof (value as { _requeue?: unknown })._requeue === 'boolean';
}
