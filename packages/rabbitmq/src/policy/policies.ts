import type { HandlerMethod } from '@acme/nest-message-context';
import { OptionsCheck } from '@acme/nest-message-context/kit';
import { ownPolicyOf } from './decorators.js';
import type { QueuePolicyOptions } from './policy.options.js';
import { merged, policyOf, type QueuePolicy } from './queue-policy.js';

/** The policy of each handler: what its method says, else its class, else the options of its queue, else those of the module. */
export class Policies {
  readonly #byQueue = new Map<string, QueuePolicy>();
  readonly #byMethod = new WeakMap<object, Map<string, QueuePolicy>>();

  /** The options were checked before. */
  constructor(
    private readonly usual: QueuePolicyOptions,
    private readonly queues: Readonly<Record<string, QueuePolicyOptions>>,
  ) {}

  /** Without a handler: of messages that came to none. */
  of(queue: string, handler?: HandlerMethod): QueuePolicy {
    const own = handler && ownPolicyOf(handler);
    if (!own) return remembered(this.#byQueue, queue, () => resolve(this.#optionsOf(queue)));
    let policies = this.#byMethod.get(own);
    if (!policies) this.#byMethod.set(own, (policies = new Map()));
    return remembered(policies, queue, () => resolve(merged(this.#optionsOf(queue), own)));
  }

  #optionsOf(queue: string): QueuePolicyOptions {
    return merged(this.usual, Object.hasOwn(this.queues, queue) ? this.queues[queue] : undefined);
  }
}

/** What is wrong with them was said at boot. */
const resolve = (options: QueuePolicyOptions): QueuePolicy =>
  policyOf(new OptionsCheck(), '', options);

function remembered<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
