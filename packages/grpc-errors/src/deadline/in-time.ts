import { isObservable, Observable } from 'rxjs';

/** A promise and what comes in time; whichever is first. */
export async function answerInTime(
  answer: Promise<unknown>,
  until: number,
  late: () => unknown,
): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<unknown>((done) => {
    timer = setTimeout(() => done(failing(late)), Math.max(0, until - performance.now()));
  });
  try {
    const first = await Promise.race([answer, over]);
    return isObservable(first) ? streamInTime(first, until, late) : first;
  } finally {
    clearTimeout(timer);
  }
}

/** A stream that fails when its time is up. */
function streamInTime(
  source: Observable<unknown>,
  until: number,
  late: () => unknown,
): Observable<unknown> {
  return new Observable((subscriber) => {
    const timer = setTimeout(
      () => subscriber.error(late()),
      Math.max(0, until - performance.now()),
    );
    const subscription = source.subscribe(subscriber);
    return () => {
      clearTimeout(timer);
      subscription.unsubscribe();
    };
  });
}

const failing = (late: () => unknown): Observable<never> =>
  new Observable((subscriber) => subscriber.error(late()));
