import type { Observable } from 'rxjs';
import type { OutboxActivity } from './event.js';

/**
 * What happens to an outbox in this process, for logs, metrics and alarms of your own. Inject it; that of a feature with
 * `@InjectOutboxEvents(name)`.
 *
 *     constructor(@Inject(OutboxEvents) { events$ }: OutboxEvents) {
 *       events$.pipe(filter(({ type }) => type === 'parked')).subscribe((event) => logger.error(event));
 *     }
 *
 * The same events, of all outboxes of the process, are published on `node:diagnostics_channel`, each on the channel
 * `acme:outbox:<type>`. An event that nobody listens for is not made.
 */
export class OutboxEvents {
  constructor(
    /**
     * Tells each event once, as it happens, to whoever is subscribed; completes when the application has shut down.
     *
     * Subscribers are called at once, by the relay or inside `add()`: be quick. One that throws is logged and hurts neither
     * the outbox nor the others.
     */
    readonly events$: Observable<OutboxActivity>,
  ) {}
}
