import { isObservable, Observable, throwError } from 'rxjs';

/**
 * The answer to what a handler gives, or what comes when its time is up; whichever is first. There is one timer for all of it: a promise that
 * becomes a stream goes on with what is left.
 *
 * @param result never rejects
 * @param late what a call fails with that has taken too long
 */
export function answerInTime(
  result: Promise<unknown>,
  answer: (result: unknown) => unknown,
  ms: number,
  late: () => unknown,
): Promise<unknown> {
  return new Promise((resolve) => {
    let isOver = false;
    let onTimeUp = (): void => resolve(throwError(late));
    const timer = setTimeout(
      () => {
        isOver = true;
        onTimeUp();
      },
      Math.max(0, ms),
    );
    void result.then((came) => {
      const first = answer(came);
      if (!isObservable(first)) {
        clearTimeout(timer);
        return resolve(first);
      }
      // Nobody hears it before the stream is subscribed to.
      onTimeUp = () => {};
      resolve(
        new Observable((subscriber) => {
          if (isOver) return subscriber.error(late());
          onTimeUp = () => subscriber.error(late());
          const subscription = first.subscribe(subscriber);
          return () => {
            clearTimeout(timer);
            subscription.unsubscribe();
          };
        }),
      );
    });
  });
}
