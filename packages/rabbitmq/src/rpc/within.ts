import { Observable, type MonoTypeOperatorFunction } from 'rxjs';

/** Fails where the source has not completed by then, however many values have come. */
export const within =
  <T>(ms: number, late: () => Error): MonoTypeOperatorFunction<T> =>
  (source) =>
    new Observable((observer) => {
      const timer = setTimeout(() => observer.error(late()), ms);
      const subscription = source.subscribe(observer);
      return () => {
        clearTimeout(timer);
        subscription.unsubscribe();
      };
    });
