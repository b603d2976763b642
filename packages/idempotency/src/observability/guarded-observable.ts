import { Observable, type Observer, type Operator, type Subscription } from 'rxjs';

type Report = (error: unknown) => void;

/**
 * An observable whose subscribers may throw, also behind operators. RxJS throws the error of a subscriber once more, where
 * nobody can catch it, and Node ends the process: too much for whoever only wanted to count.
 */
export class GuardedObservable<T> extends Observable<T> {
  constructor(
    source: Observable<unknown>,
    private readonly report: Report,
  ) {
    super();
    this.source = source;
  }

  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new GuardedObservable<R>(this, this.report);
    lifted.operator = operator as Operator<unknown, R> | undefined;
    return lifted;
  }

  override subscribe(...args: unknown[]): Subscription {
    const [first, error, complete] = args;
    // Operators and promises subscribe with subscribers of their own, which do not throw.
    if (isSubscriber(first)) return super.subscribe(first as Observer<T>);
    const given = (typeof first === 'object' && first) || { next: first, error, complete };
    return super.subscribe(this.guarded(given as Partial<Observer<T>>));
  }

  private guarded(observer: Partial<Observer<T>>): Observer<T> {
    const safely = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        this.report(error);
      }
    };
    return {
      next: (value) => safely(() => observer.next?.(value)),
      error: (error) => safely(() => (observer.error ? observer.error(error) : this.report(error))),
      complete: () => safely(() => observer.complete?.()),
    };
  }
}

const isSubscriber = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'add' in value && 'closed' in value;
