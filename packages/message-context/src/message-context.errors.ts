const BRAND = Symbol.for('@acme/nest-message-context:error');

/** Every error of this package. `code` is stable; recognise one with `isMessageContextError`, not with `instanceof`. */
export abstract class MessageContextError extends Error {
  abstract readonly code: string;
  readonly [BRAND] = true;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Whether an error is one of this package, of whatever installed copy; `code` narrows it to one kind. */
export function isMessageContextError(error: unknown, code?: string): error is MessageContextError {
  if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
  return code === undefined || (error as MessageContextError).code === code;
}

/** The caller asked for the message being handled where none is. */
export class MessageContextMissingError extends MessageContextError {
  readonly code = 'MESSAGE_CONTEXT_MISSING';

  constructor() {
    super(
      'No message is being handled here. Call this from a handler (HTTP, gRPC, RabbitMQ) of an application that imports ' +
        'MessageContextModule; in a callback that somebody else calls, wrap the function with MessageContext.bind(fn). ' +
        'A timer or cron job handles no message: MessageContext.current() is undefined there.',
    );
  }
}

/** Between the door and the handler a middleware went on in another async context, so the message is not known any more. */
export class MessageContextLostError extends MessageContextError {
  readonly code = 'MESSAGE_CONTEXT_LOST';

  constructor(className: string, methodName: string) {
    super(
      `The message of this request was lost before ${className}.${methodName}: a middleware has called next() from a callback ` +
        'of somebody else (a pool, a socket, an event emitter), where no message or another one is being handled. In that ' +
        'middleware call MessageContext.bind(next) instead of next, or register it with app.use() before the application initialises.',
    );
  }
}

/** A decorated method was called on an object that Nest did not construct. */
export class StageNotInjectedError extends MessageContextError {
  readonly code = 'STAGE_NOT_INJECTED';

  constructor(decorator: string, handler: string) {
    super(
      `${decorator} on ${handler} was called on an object without its service, so the call would have run unprotected. ` +
        'Let Nest construct the object (as a provider or controller), do not call the method in a constructor, and call it ' +
        'on its object: a detached function has lost it.',
    );
  }
}

/** The application is wired in a way that would leave messages unprotected or unsettled. Lists every problem found at boot. */
export class MessageContextConfigurationError extends MessageContextError {
  readonly code = 'MESSAGE_CONTEXT_CONFIGURATION';

  constructor(readonly problems: readonly string[]) {
    super(
      `${problems.length} problem(s) in the message handling of this application:\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
  }
}

/** `publish()` was called after `close()`. */
export class PublisherClosedError extends MessageContextError {
  readonly code = 'PUBLISHER_CLOSED';
}

/** A publisher was configured wrongly. The message lists every problem with its remedy. */
export class PublisherConfigurationError extends MessageContextError {
  readonly code = 'PUBLISHER_CONFIGURATION';

  constructor(publisher: string, problems: readonly string[]) {
    super(`${publisher} is not configured correctly:\n- ${problems.join('\n- ')}`);
  }
}

/** What a publisher says in an outcome about a message that it could not hand over. */
export class PublishError extends MessageContextError {
  readonly code = 'PUBLISH_FAILED';

  constructor(
    readonly reason: PublishErrorReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Why a message was not confirmed. */
export type PublishErrorReason =
  'NOT_CONNECTED' | 'CONNECTION_LOST' | 'TIMEOUT' | 'NACKED' | 'EXCHANGE_UNAVAILABLE' | 'INVALID';
