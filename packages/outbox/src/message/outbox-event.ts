import { show } from '@acme/nest-message-context/kit';
import { OutboxConfigurationError } from '../outbox.errors.js';
import type { OutboxMessage } from './outbox-message.js';

/** What the outbox needs to know of an event; each a value, or a function of the event. */
export interface OutboxEventOptions<Event extends object = object> {
  /** Name of the event, with its version: `order.placed.v1`. */
  readonly type: string | ((event: Event) => string);
  /** Default: the publisher's exchange. */
  readonly exchange?: string | ((event: Event) => string | undefined) | undefined;
  /** Default: the type. */
  readonly routingKey?: string | ((event: Event) => string | undefined) | undefined;
  /** Events of one key keep their order: `(event) => event.orderId`. A text is the key of them all. */
  readonly key?: string | ((event: Event) => string | undefined) | undefined;
}

/**
 * An instance of a class with `@OutboxEvent()`. Every object has a `valueOf()`, but no literal may name what this type does
 * not: so a message with a misspelt field, or one without payload, is not taken for an event.
 */
export interface OutboxEventInstance {
  valueOf(): object;
  /** Lists, and texts, are none. */
  readonly [Symbol.iterator]?: never;
}

/** The same beside plain messages, which are told by their type. */
export interface OutboxEventAmongMessages extends OutboxEventInstance {
  readonly type?: never;
}

const FIELDS = ['type', 'exchange', 'routingKey', 'key'] as const;

type Options = { readonly [Field in (typeof FIELDS)[number]]?: unknown };

/** On the class itself, so that classes that extend it have it, too. */
const EVENT = Symbol.for('@acme/nest-outbox:event');

/**
 * Says what instances of a class are as messages: `outbox.add(new OrderPlaced(…))`. Their payload is what `JSON.stringify`
 * makes of them: own enumerable properties, or what `toJSON()` returns.
 *
 *     @OutboxEvent<OrderPlaced>({ type: 'order.placed.v1', exchange: 'orders', key: (event) => event.orderId })
 *     class OrderPlaced { … }
 *
 * Classes that extend it inherit everything; one with a decorator of its own inherits what that leaves out.
 *
 * @throws {OutboxConfigurationError} at once, listing every wrong option
 */
export function OutboxEvent<Event extends object>(options: OutboxEventOptions<Event>) {
  return (target: abstract new (...args: never[]) => Event): void => {
    const problems = problemsOf(target, options);
    if (problems.length > 0) {
      const name = typeof target === 'function' ? ` on ${target.name}` : '';
      throw new OutboxConfigurationError(problems, `@OutboxEvent()${name}`);
    }
    const value: Options = { ...optionsOf(target), ...options };
    Object.defineProperty(target, EVENT, { value });
  };
}

function problemsOf(target: unknown, options: unknown): string[] {
  if (typeof target !== 'function') return ['it stands on no class. Put it on the event.'];
  if (typeof options !== 'object' || options === null) {
    return ["it was given no options. Give at least { type: 'order.placed.v1' }."];
  }
  const problems = Object.keys(options)
    .filter((name) => !(FIELDS as readonly string[]).includes(name))
    .map((name) => `${name}: there is no such option. Known are ${FIELDS.join(', ')}.`);
  const given = options as Options;
  for (const name of FIELDS) {
    const value = given[name];
    if (value === undefined ? name !== 'type' : isFieldValue(value)) continue;
    problems.push(
      `${name}: ${value === undefined ? 'missing' : `${show(value)} is neither`}. Give a string or a function of the event.`,
    );
  }
  if (given.type === '') problems.push('type: empty. Give the event its name.');
  return problems;
}

const isFieldValue = (value: unknown): boolean =>
  typeof value === 'string' || typeof value === 'function';

const optionsOf = (target: unknown): Options | undefined =>
  (target as { [EVENT]?: Options } | undefined)?.[EVENT];

/** A plain message is one already; of an event, it is made. What is neither is a problem. */
export function toMessage(
  given: unknown,
  note: (problem: string) => void,
): OutboxMessage | undefined {
  if (typeof given !== 'object' || given === null) {
    note(`${String(given)} is no message. Give { type, payload }.`);
    return undefined;
  }
  const prototype = Object.getPrototypeOf(given) as object | null;
  // Also of another realm: some test runners have one of their own.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return given as never;
  const name = prototype.constructor.name;
  const options = optionsOf(prototype.constructor);
  if (!options) {
    note(
      `an instance of ${name}, whose class has no @OutboxEvent(). Put @OutboxEvent({ type }) on the class, or give a plain message: { type, payload }.`,
    );
    return undefined;
  }
  const fields = FIELDS.map((field) => {
    const value = options[field];
    if (typeof value !== 'function') return [field, value] as const;
    try {
      return [field, value(given) as unknown] as const;
    } catch (error) {
      note(`${field}: its function on ${name} has thrown: ${String(error)}`);
      return [field, ''] as const;
    }
  });
  return { ...(Object.fromEntries(fields) as unknown as { type: string }), payload: given };
}
