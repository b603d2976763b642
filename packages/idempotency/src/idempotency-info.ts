import { AsyncLocalStorage } from 'node:async_hooks';
import type { BodyCall } from '@acme/nest-message-context';
import type { ClaimInfo } from './core/attempt.js';
import { derivedKey } from './core/identity.js';

/** What the running handler may know about its claim. */
export interface IdempotencyInfo {
  /** Name of the record: 64 hexadecimal digits that do not tell the key. For logs, and for looking into the store. */
  readonly id: string;
  /** The key, as whoever repeats the call has chosen it. It may tell something about them: log `id` instead. */
  readonly key: string;
  /**
   * Greater than that of every earlier claim of this key. A resource that remembers the greatest one it has seen can refuse
   * a runner that was overtaken, which no lease can.
   */
  readonly fence: number;
  /**
   * 1 for the first attempt at this message: the greatest number that anybody has counted, the store (for events, as
   * `maxAttempts` has it; in transaction mode from the first redelivery on), the broker, or the sender.
   */
  readonly attempt: number;
  /** Aborted when the lease is lost: stop, somebody else may be running. Never aborted in transaction mode. */
  readonly signal: AbortSignal;
  /**
   * An idempotency key for a call downstream: another one for every label, the same on every attempt, and no way back to
   * the key it comes from.
   */
  deriveKey(label: string): string;
}

/** @internal What a claim itself does not know about its call. */
export interface KeyedCall {
  readonly key: string;
  /** As who has delivered the message counts; 1 where nobody does. */
  readonly attempt: number;
}

/** @internal The claim under which some code runs. */
export class RunningClaim implements IdempotencyInfo {
  #ended = false;

  private constructor(
    private readonly claim: ClaimInfo,
    private readonly outer: RunningClaim | undefined,
    private readonly call: KeyedCall,
  ) {}

  static current(): RunningClaim | undefined {
    return storage.getStore();
  }

  get id(): string {
    return this.claim.id;
  }

  get key(): string {
    return this.call.key;
  }

  get fence(): number {
    return this.claim.fence;
  }

  get attempt(): number {
    return Math.max(this.claim.attempt, this.call.attempt);
  }

  get signal(): AbortSignal {
    return this.claim.signal;
  }

  deriveKey(label: string): string {
    return derivedKey(this.id, label);
  }

  /**
   * Whether the calling code is part of a call that is under way with this id. Timers, connections and listeners that a
   * handler leaves behind see its info for ever; what they do later is not part of the call.
   */
  holds(id: string): boolean {
    return (!this.#ended && this.id === id) || (this.outer?.holds(id) ?? false);
  }

  static run<R>(claim: ClaimInfo, call: KeyedCall, fn: () => Promise<R>): Promise<R> {
    const running = new RunningClaim(claim, storage.getStore(), call);
    const end = <V>(value: V): V => {
      running.#ended = true;
      return value;
    };
    try {
      // Code without types may give a function that returns no promise.
      return Promise.resolve(storage.run(running, fn)).then(end, (error: unknown) => {
        throw end(error);
      });
    } catch (error) {
      throw end(error);
    }
  }
}

// On globalThis under a versioned key, so that two installed copies of this package know of each other's claims.
const KEY = Symbol.for('@acme/nest-idempotency:info:v1');
const shared = globalThis as { [KEY]?: AsyncLocalStorage<RunningClaim> };
const storage = (shared[KEY] ??= new AsyncLocalStorage());

const PARAMETER = Symbol.for('@acme/nest-idempotency:info-parameter');

const METHODS = Symbol.for('@acme/nest-idempotency:info-methods');

/** @internal The methods of a class that have such a parameter, inherited ones included, unless an override has none. */
export function methodsWithInfo(prototype: object): (string | symbol)[] {
  const found = new Set<string | symbol>();
  const overridden = new Set<string | symbol>();
  for (let at: object | null = prototype; at; at = Object.getPrototypeOf(at) as object | null) {
    for (const key of (Reflect.getOwnMetadata(METHODS, at) ?? []) as (string | symbol)[])
      if (!overridden.has(key)) found.add(key);
    for (const key of Reflect.ownKeys(at)) overridden.add(key);
  }
  return [...found];
}

/**
 * The claim of a method under `@Idempotent()`, given to the parameter that it stands at: undefined where a call runs
 * without a claim (`required: false`). `IdempotencyInfo.current()` gives it to code that such a method calls, the innermost one;
 * undefined outside of any.
 *
 *     @Idempotent()
 *     @EventPattern('order.placed.v1')
 *     async onOrderPlaced(order: OrderPlaced, @IdempotencyInfo() info: IdempotencyInfo) { … }
 */
export const IdempotencyInfo = Object.assign(
  (): ParameterDecorator => (target, key, index) => {
    if (key === undefined) return;
    Reflect.defineMetadata(PARAMETER, index, target, key);
    const own = (Reflect.getOwnMetadata(METHODS, target) ?? []) as (string | symbol)[];
    Reflect.defineMetadata(METHODS, [...own, key], target);
  },
  { current: (): IdempotencyInfo | undefined => RunningClaim.current() },
);

/** @internal Puts the claim where the method wants it, and calls the method. */
export function giveInfo<R>(
  { instance, handler, args }: Pick<BodyCall, 'instance' | 'handler' | 'args'>,
  info: IdempotencyInfo | undefined,
  next: () => R,
): R {
  const index: unknown = Reflect.getMetadata(PARAMETER, instance, handler.methodName);
  if (typeof index === 'number') args[index] = info;
  return next();
}
