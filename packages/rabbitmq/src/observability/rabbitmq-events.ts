import type { Observable } from 'rxjs';
import type { RabbitMqEvent } from './event.js';

/**
 * What happens to the messages and consumers of this application, for logs, metrics and alarms of your own. Inject it.
 *
 *     constructor(@Inject(RabbitMqEvents) { events$ }: RabbitMqEvents) {
 *       events$.pipe(filter(({ type }) => type === 'parked')).subscribe((event) => logger.error(event));
 *     }
 *
 * The same events, of all applications of the process, are published on `node:diagnostics_channel`, each on the channel
 * `acme:rabbitmq:<type>`. An event that nobody listens for is not made.
 */
export class RabbitMqEvents {
  constructor(
    /**
     * Tells each event once, as it happens, to whoever is subscribed; of deliveries, those that came in since. Completes when the
     * application has shut down.
     *
     * Subscribers are called at once, while the message is settled: be quick. One that throws is logged and hurts neither the
     * message nor the others.
     */
    readonly events$: Observable<RabbitMqEvent>,
  ) {}
}
