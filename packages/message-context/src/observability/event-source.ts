import { channel } from 'node:diagnostics_channel';
import { Subject, type Observable } from 'rxjs';
import { GuardedObservable } from './guarded-observable.js';

interface Typed {
  readonly type: string;
}

/**
 * The channels of `node:diagnostics_channel` on which a package tells its events: `acme:<package>:<type>`. Make it once, in a module
 * that stays: Node forgets a channel that nobody holds, together with its subscribers.
 */
export class EventChannels<Event extends Typed> {
  readonly #byType;
  readonly #all;

  constructor(name: string, types: readonly Event['type'][]) {
    this.#byType = new Map(types.map((type) => [type, channel(`acme:${name}:${type}`)]));
    this.#all = [...this.#byType.values()];
  }

  get haveSubscribers(): boolean {
    for (const { hasSubscribers } of this.#all) if (hasSubscribers) return true;
    return false;
  }

  publish(event: Event): void {
    this.#byType.get(event.type)?.publish(event);
  }
}

/** The events of one application: on the channels of its package, and as an observable of its own. */
export class EventSource<Event extends Typed> {
  readonly #events = new Subject<Event>();
  /** Subscribers are called at once; one that throws is reported and hurts neither the work nor the others. */
  readonly events$: Observable<Event>;

  constructor(
    private readonly channels: EventChannels<Event>,
    report: (error: unknown) => void,
  ) {
    this.events$ = new GuardedObservable<Event>(this.#events, report);
  }

  /** An event that nobody listens for need not be made. */
  get hasListeners(): boolean {
    return this.#events.observed || this.channels.haveSubscribers;
  }

  tell(event: Event): void {
    this.channels.publish(event);
    this.#events.next(event);
  }

  /** The application has shut down. */
  end(): void {
    this.#events.complete();
  }
}
