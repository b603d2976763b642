import type { GrpcCallLike } from '@acme/nest-message-context';
import { Observable } from 'rxjs';

/** Told where a handler that answers once gives nothing, or more than once. */
export interface UnaryEvents {
  /** What the caller gets then: an error. */
  readonly nothing: () => unknown;
  readonly more: () => void;
  /** What the caller gets of a failure. */
  readonly failed: (error: unknown) => unknown;
}

/**
 * The one answer of a call. Nest passes on all that a handler emits, and waits for the first for ever: the second makes grpc-js hang, and so does none.
 * A caller who has gone is no reason for Nest to stop what it has begun.
 */
export function onlyAnswer<T>(
  source: Observable<T>,
  call: GrpcCallLike,
  { nothing, more, failed }: UnaryEvents,
): Observable<T> {
  return new Observable<T>((subscriber) => {
    let answered = false;
    const give = (value: T): void => {
      if (value === undefined || value === null) return subscriber.error(nothing());
      subscriber.next(value);
      // At once, whatever else its source has in mind: with the answer the call ends, and its signal would take that for a caller who has gone.
      subscriber.complete();
    };
    const subscription = source.subscribe({
      next: (value) => {
        if (answered) return more();
        answered = true;
        // Of `map(async …)`: Nest waits for it, and the process ends of what it fails with.
        if (value instanceof Promise)
          value.then(give, (error: unknown) => subscriber.error(failed(error)));
        else give(value);
      },
      error: (error: unknown) => {
        // Sent is sent.
        if (!answered) subscriber.error(failed(error));
      },
      complete: () => {
        if (!answered) subscriber.error(nothing());
      },
    });
    const gone = (): void => {
      subscriber.complete();
      subscription.unsubscribe();
    };
    if (call.cancelled) gone();
    else call.on('cancelled', gone);
    return () => {
      call.off('cancelled', gone);
      subscription.unsubscribe();
    };
  });
}
