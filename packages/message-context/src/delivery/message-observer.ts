import type { MessageContext } from '../context/message-context.js';

/**
 * Is told of every message of this application at the moment when its context is open: before guards, and before anything is decided.
 * For whoever measures or traces. Provide one under this token, exported by a global module.
 *
 * Called for each message, whatever door it came in by: it must be quick, and must not throw.
 */
export abstract class MessageObserver {
  abstract opened(context: MessageContext): void;
}
