import { Observable, type Observer, type Subscriber } from 'rxjs';
import type { MessageContext } from '../../context/message-context.js';

type Notification<T> = (observer: Observer<T>) => void;

/** Nest's request streams hold back what arrives before the handler is ready, until this is called. */
interface Drainable {
  drainBuffer?(): void;
}

/**
 * The request stream of a gRPC call, each message of it inside the context of the call: they arrive from the HTTP/2 session,
 * which belongs to no call. Subscribed at once and buffered until the handler subscribes, which also cures the hang of an
 * async handler that awaits its stream (Nest drains its buffer only after the handler has returned).
 */
export function reenterRequestStream<T>(
  source: Observable<T>,
  context: MessageContext,
): Observable<T> {
  let buffered: Notification<T>[] | undefined = [];
  let subscriber: Subscriber<T> | undefined;
  const pass = (notify: Notification<T>): void =>
    context.run(() => {
      if (subscriber && !buffered) notify(subscriber);
      else buffered?.push(notify);
    });
  const subscription = source.subscribe({
    next: (value) => pass((observer) => observer.next(value)),
    error: (error: unknown) => pass((observer) => observer.error(error)),
    complete: () => pass((observer) => observer.complete()),
  });
  (source as Drainable).drainBuffer?.();

  return new Observable<T>((only) => {
    if (subscriber)
      return only.error(
        new Error('The request stream of a gRPC call has one reader; use share() for more.'),
      );
    subscriber = only;
    // Not in the same tick: a handler subscribes first and sets up what receives the values afterwards (a Subject it returns).
    const flush = setImmediate(() =>
      context.run(() => {
        const waiting = buffered ?? [];
        buffered = undefined;
        waiting.forEach((notify) => notify(only));
      }),
    );
    return () => {
      clearImmediate(flush);
      subscription.unsubscribe();
    };
  });
}
