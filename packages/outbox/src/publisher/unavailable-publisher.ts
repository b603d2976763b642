import { Publisher, type PublishOutcome } from '@acme/nest-message-context';
import { PublisherConfigurationError } from '../outbox.errors.js';

/** Stands in where none was configured: adding works without one, publishing says what is missing. */
export class UnavailablePublisher extends Publisher {
  publish(): Promise<PublishOutcome[]> {
    return Promise.reject(
      new PublisherConfigurationError('OutboxModule', [
        'publisher: missing. Give one where the relay runs, also for runOnce().',
      ]),
    );
  }
}
