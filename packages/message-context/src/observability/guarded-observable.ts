import { Observable, type Operator, type PartialObserver, type Subscription } from 'rxjs';

type Report = (error: unknown) => void;

/**
 * Passes values on to subscribers that may throw. RxJS would throw such an error once more in a timer, which ends the process:
 * too high a price for a faulty counter. What `pipe()` makes of it is guarded as well.
 */
export class GuardedObservable<T> extends Observable<T> {
  constructor(
    source: Observable<unknown>,
    private readonly report: Report,
    operator?: Operator<unknown, T>,
  ) {
    super();
    this.source = source;
    this.operator = operator;
  }

  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    return new GuardedObservable<R>(this, this.report, operator as Operator<unknown, R>);
  }

  override subscribe(...args: unknown[]): Subscription {
    const [next, error, complete] = args;
    // RxJS's own, of an operator further down: what throws in there is what we have wrapped.
    if (isSubscriber(next)) return super.subscribe(next as PartialObserver<T>);
    const given = typeof next === 'object' && next !== null ? next : { next, error, complete };
    const call = (name: 'next' | 'error' | 'complete', value?: unknown): void => {
      const method = (given as Record<string, unknown>)[name];
      try {
        if (typeof method === 'function') Reflect.apply(method, given, [value]);
        else if (name === 'error') this.report(value);
      } catch (thrown) {
        this.report(thrown);
      }
    };
    return super.subscribe({
      next: (value) => call('next', value),
      error: (failure: unknown) => call('error', failure),
      complete: () => call('complete'),
    });
  }
}

function isSubscriber(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'closed' in value && 'add' in value;
}
