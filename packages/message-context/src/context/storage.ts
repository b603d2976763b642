import { AsyncLocalStorage } from 'node:async_hooks';
import type { MessageContext } from './message-context.js';

interface Shared {
  readonly current: AsyncLocalStorage<MessageContext>;
  /** Contexts by the transport's own object: whoever sees a delivery second joins the context instead of opening another. */
  readonly open: WeakMap<object, MessageContext>;
}

// On globalThis under a versioned key, so that two installed copies of this package share one context. Nothing else is global.
const KEY = Symbol.for('@acme/nest-message-context:storage:v1');
const registry = globalThis as unknown as Record<symbol, Shared | undefined>;

export const storage: Shared = (registry[KEY] ??= {
  current: new AsyncLocalStorage<MessageContext>(),
  open: new WeakMap(),
});
