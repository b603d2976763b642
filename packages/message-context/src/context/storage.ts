import { AsyncLocalStorage } from 'node:async_hooks';
import type { MessageContext } from './message-context.js';

/** A decorated method that is running and behind which other wrappers stand: its own inner ones, or those of a base class. */
export interface Frame {
  readonly plan: {
    readonly key: string | symbol;
    readonly body: readonly { readonly slot: string }[];
  };
  readonly instance: unknown;
  /** For which message: a callback of somebody else may still see the frame of the call that registered it. */
  readonly context: MessageContext;
  /** Whether the last of the method's own wrappers was passed. */
  readonly isInside: boolean;
}

interface Shared {
  readonly frame: AsyncLocalStorage<Frame>;
  readonly current: AsyncLocalStorage<MessageContext>;
}

// On globalThis under a versioned key, so that two installed copies of this package share one context. Nothing else is global.
const KEY = Symbol.for('@acme/nest-message-context:storage:v1');
const registry = globalThis as unknown as Record<symbol, Shared | undefined>;

export const storage: Shared = (registry[KEY] ??= {
  frame: new AsyncLocalStorage<Frame>(),
  current: new AsyncLocalStorage<MessageContext>(),
});

const CONTEXT = Symbol.for('@acme/nest-message-context:context:v1');

/**
 * The context that was opened for this transport object: whoever sees it second joins instead of opening another. Kept on
 * the object itself: entries of a WeakMap made the garbage collection of short-lived messages dearer than all doors.
 */
export const openedFor = (key: object): MessageContext | undefined =>
  (key as Record<symbol, MessageContext | undefined>)[CONTEXT];

export function remember(key: object, context: MessageContext): void {
  Object.defineProperty(key, CONTEXT, { value: context, configurable: true });
}
