import { Observable } from 'rxjs';
import type { MessageContext } from '../../context/message-context.js';

/**
 * The same stream with its subscription, everything it does and its teardown inside the context. The *subscription* is wrapped: Nest subscribes
 * long after the handler has returned. The message has ended when the stream has, or is abandoned when nobody wants the rest of it.
 */
export function scoped<T>(source: Observable<T>, context: MessageContext): Observable<T> {
  const { message } = context;
  return new Observable<T>((subscriber) =>
    context.run(() => {
      const subscription = source.subscribe({
        next: (value) => subscriber.next(value),
        error: (error: unknown) => {
          message.end();
          subscriber.error(error);
        },
        complete: () => {
          message.end();
          subscriber.complete();
        },
      });
      return () => {
        // Before the teardown of the handler, and also for a signal that the handler asks for only there.
        if (!message.hasEnded) {
          message.abandon(new DOMException('The caller cancelled the call.', 'AbortError'));
          message.end();
        }
        if (!subscription.closed) context.run(() => subscription.unsubscribe());
      };
    }),
  );
}
