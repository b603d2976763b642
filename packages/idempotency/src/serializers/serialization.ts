import type { ExecutionContext } from '@nestjs/common';
import { handlerName, MessageContext } from '@acme/nest-message-context';
import { IdempotencyConfigurationError } from '../idempotency.errors.js';
import { isStream } from '../stage/result.js';
import { howOf, reshapes, type Serializer } from './serializer.js';

/** What serializers have made. Objects of theirs alone: one of the user's may be returned by other handlers, too. */
const serialized = new WeakSet<object>();
const isSerialized = (value: unknown): boolean => isObject(value) && serialized.has(value);

const ofMessages = new WeakMap<MessageContext, Serialization>();

/** How a serializer does it, of those that were changed to tell where they stand. */
const attended = new WeakMap<Serializer, Serializer['serialize']>();

/**
 * The serializers around the handler of one message. Nest runs them when the handler has long returned, and what is stored
 * of its result must be what they leave of it.
 */
export class Serialization {
  /** Outermost first, each with the arguments that Nest will call it with. */
  readonly #around = new Map<Serializer, readonly unknown[]>();
  #outcome: { readonly value: unknown } | { readonly error: unknown } | undefined;

  /** Undefined where none stands around it. */
  static of(context: MessageContext): Serialization | undefined {
    return ofMessages.get(context);
  }

  /** A serializer says that it stands around the handler of this message. */
  static announce(context: MessageContext, serializer: Serializer, how: readonly unknown[]): void {
    const serialization = ofMessages.get(context) ?? new Serialization();
    ofMessages.set(context, serialization);
    serialization.#around.set(serializer, how);
  }

  /** Runs the handler and serializes its result; resolves with that as it was. */
  async run(handler: () => Promise<unknown>): Promise<unknown> {
    this.#outcome = undefined;
    const result = await handler();
    if (isStream(result)) return result;
    // Their failure is none of the handler's, which has had its effect.
    this.#outcome = await this.serialize(result).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    return result;
  }

  /** What they made of the result; throws what they threw. */
  result(): unknown {
    const outcome = this.#outcome!;
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  /** A stored result is what they have made of it once, and goes out as it is. */
  replay(stored: unknown): unknown {
    this.#outcome = { value: stored };
    if (isObject(stored)) serialized.add(stored);
    return stored;
  }

  /** Whether the handler's reply is their work, so that a serializer must not meet it within another object. */
  get hasSerialized(): boolean {
    return this.#outcome !== undefined && 'value' in this.#outcome && isObject(this.#outcome.value);
  }

  private async serialize(result: unknown): Promise<unknown> {
    let value = result;
    for (const [serializer, how] of [...this.#around].reverse())
      value = await attended.get(serializer)!(value, ...how);
    if (isObject(value) && value !== result) serialized.add(value);
    return value;
  }
}

/**
 * Has a serializer of the application tell around which handlers it stands and with which options, and leave alone what has
 * been through it: not every transformation can be made twice. Only this object is changed, and only for protected calls.
 */
export function attendTo(serializer: Serializer): void {
  if (attended.has(serializer)) return;
  const getContextOptions = serializer.getContextOptions.bind(serializer);
  const serialize = serializer.serialize.bind(serializer);
  attended.set(serializer, serialize);
  define(serializer, 'getContextOptions', (execution: ExecutionContext) => {
    const own = getContextOptions(execution);
    const context = MessageContext.current();
    if (context) Serialization.announce(context, serializer, howOf(serializer, own));
    return own;
  });
  define(serializer, 'serialize', (reply: unknown, ...how: unknown[]) => {
    if (isSerialized(reply)) return reply;
    if (reshapes(serializer, how)) refuseReplaced(reply);
    return serialize(reply, ...how);
  });
}

/** An interceptor has put the reply into something else: what is in there is serialized and cannot be told from what is not. */
function refuseReplaced(reply: unknown): void {
  const context = MessageContext.current();
  if (!context || !isObject(reply) || isStream(reply)) return;
  if (!Serialization.of(context)?.hasSerialized) return;
  const { handler } = context.message;
  throw new IdempotencyConfigurationError([
    `@Idempotent() on ${handler ? handlerName(handler) : context.message.name}: an interceptor between it and its serializer replaces the reply, so what @SerializeOptions() has made of the stored one (type, schema) would be made of it again. Put the serializer inside of that interceptor, or give @Idempotent({ serialize }).`,
  ]);
}

const define = <K extends keyof Serializer>(on: Serializer, name: K, value: Serializer[K]): void =>
  void Object.defineProperty(on, name, { configurable: true, writable: true, value });

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
