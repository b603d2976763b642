import { Catch, type ExceptionFilter } from '@nestjs/common';
import { MessageContext } from '../context/message-context.js';
import type { RecordedDelivery } from '../delivery/delivery.js';

/**
 * Matches no exception, but sees each one: Nest asks `exception instanceof SeenException` while it looks for a filter.
 *
 * Nest's RPC filters turn whatever was thrown into `{ status, message }` before it leaves the handler, so nobody behind
 * them can tell a validation error from a lost connection. A filter that handled the exception itself would take it from
 * the user's own filters.
 */
class SeenException {
  static [Symbol.hasInstance](exception: unknown): boolean {
    const delivery = MessageContext.current()?.message.delivery as RecordedDelivery | undefined;
    if (delivery) delivery.thrown ??= { error: exception };
    return false;
  }
}

/** A global filter that only looks: remembers what was thrown while a message is handled. */
@Catch(SeenException)
export class ThrownErrorObserver implements ExceptionFilter {
  catch(exception: unknown): never {
    throw exception;
  }
}
