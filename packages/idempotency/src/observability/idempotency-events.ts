import type { Observable } from 'rxjs';
import type { IdempotencyEvent } from './event.js';

/**
 * What happens to the protected calls of this application, for logs, metrics and alarms of your own. Inject it.
 *
 *     constructor(@Inject(IdempotencyEvents) { events$ }: IdempotencyEvents) {
 *       events$.pipe(filter(({ type }) => type === 'lease_lost')).subscribe((event) => logger.warn(event));
 *     }
 *
 * The same events, of all applications of the process, are published on `node:diagnostics_channel`, each on the channel
 * `acme:idempotency:<type>`. An event that nobody listens for is not made.
 */
export class IdempotencyEvents {
  constructor(
    /**
     * Tells each event once, as it happens, to whoever is subscribed; nothing is repeated for those who come later. It tells
     * of calls that began after somebody subscribed, and completes when the application has shut down.
     *
     * Subscribers are called at once, inside the call: be quick. One that throws is logged and hurts neither the call nor
     * the others.
     */
    readonly events$: Observable<IdempotencyEvent>,
  ) {}
}
