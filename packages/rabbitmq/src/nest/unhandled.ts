import { NonRetryableError } from '@acme/nest-message-context';

/** For messages that no handler of the application is for: a pattern that no sender can send. */
export const UNHANDLED_EVENT = '\u0000unhandled-event';
/** The same for requests, whose sender is answered. */
export const UNHANDLED_REQUEST = '\u0000unhandled-request';

/** @internal Why a message never came to a handler. */
export const noHandler = (pattern: string): NonRetryableError =>
  new NonRetryableError('NO_HANDLER', {
    message: `NO_HANDLER: no handler of this application is for "${pattern}". Add one, or do not bind its queue to such messages; then redrive it.`,
    status: { http: 404, grpc: 12, reason: 'NO_HANDLER' },
  });

/** @internal */
export const unreadable = (cause: Error): NonRetryableError =>
  new NonRetryableError('MESSAGE_UNREADABLE', {
    message: `MESSAGE_UNREADABLE: ${cause.message}`,
    status: { http: 400, grpc: 3, reason: 'MESSAGE_UNREADABLE' },
    cause,
  });
