import { Catch, type ExceptionFilter } from '@nestjs/common';
import { MessageContext } from '../../context/message-context.js';

const FILTERS = '__exceptionFilters__';
const BRAND = Symbol.for('@acme/nest-message-context:thrown-error-observer');

/**
 * Matches no exception, but sees each one: Nest asks `exception instanceof SeenException` while it looks for a filter.
 *
 * Nest's RPC filters turn whatever was thrown into `{ status, message }` before it leaves the handler, so nobody behind
 * them can tell a validation error from a lost connection. A filter that handled the exception itself would take it from
 * the user's own filters.
 */
class SeenException {
  static [Symbol.hasInstance](exception: unknown): boolean {
    const message = MessageContext.current()?.message;
    // The last one: a handler may have dealt with those before it, or was run once more after them.
    if (message) message.thrown = { error: exception };
    return false;
  }
}

/** A filter that only looks: remembers what was thrown while a message is handled. */
@Catch(SeenException)
class ThrownErrorObserver implements ExceptionFilter {
  readonly [BRAND] = true;

  catch(exception: unknown): never {
    throw exception;
  }
}

/**
 * Puts the observer on a controller and on those of its methods that have filters, before these. On the class, because a
 * microservice of a hybrid application has global filters of its own that nobody else can reach. Other applications that
 * share the class have no message there that it could see, so it does nothing to them.
 */
export function observeThrownErrors(controller: object, methods: Iterable<object>): void {
  observe(controller);
  // Nest asks a method's own filters first: one that matches ends the search before it comes to the class.
  for (const method of methods) if (Reflect.hasOwnMetadata(FILTERS, method)) observe(method);
}

function observe(target: object): void {
  const present = (Reflect.getMetadata(FILTERS, target) ?? []) as Record<symbol, unknown>[];
  if (present.some((filter) => filter[BRAND])) return;
  Reflect.defineMetadata(FILTERS, [...present, new ThrownErrorObserver()], target);
}
