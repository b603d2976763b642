import { AssertionError } from 'node:assert';
import { inspect } from 'node:util';
import { parseDuration, show, type Duration } from '@acme/nest-message-context/kit';
import { isObservable } from 'rxjs';
import type { GrpcCodeName } from '../core/codes.js';
import type { GrpcErrorsModuleOptions } from '../grpc-errors.options.js';
import { factsOf, type ErrorFacts } from './error-facts.js';

/**
 * What is expected of a call that fails. `await` it where a call was given. Throws, or rejects with, Node's `AssertionError`, whose `actual` and `expected` runners show
 * the difference of.
 */
export interface GrpcErrorAssertion extends PromiseLike<void> {
  /** Its code by name: `'NOT_FOUND'`. */
  toHaveStatus(status: GrpcCodeName): this;
  /** Its reason, and who gives it its meaning. */
  toHaveReason(reason: string, domain?: string): this;
  /** A field that validation has refused, among others: `'items[0].sku'`, and for which reason. */
  toHaveViolation(field: string, reason?: string): this;
  /** These facts, among others. */
  toHaveMetadata(metadata: Readonly<Record<string, string>>): this;
  /** Its callers may ask again: it is `UNAVAILABLE`, or says when; and says this. */
  toBeRetryable(after?: Duration): this;
}

/**
 * Says what is expected of a call that fails, or of an error.
 *
 *     await expectGrpcError(orders.getOrder({ id: '7' }))
 *       .toHaveStatus('NOT_FOUND')
 *       .toHaveReason('ORDER_NOT_FOUND', 'orders.shop.example')
 *       .toHaveMetadata({ orderId: '7' });
 *
 * @param failing a call or a promise; a stream, which is read to its end; a function that is called; or an error. Of an error that came over the wire, that is what was sent;
 * of one that a service has thrown in a unit test, what `GrpcErrorsModule` would send
 * @param options of your `GrpcErrorsModule.forRoot()`: `mappings` and `domain`, for what was thrown in a unit test; advices are not asked
 */
export function expectGrpcError(
  failing: unknown,
  options: Partial<GrpcErrorsModuleOptions> = {},
): GrpcErrorAssertion {
  if (typeof failing === 'function')
    return expectGrpcError(called(failing as () => unknown), options);
  return isCall(failing)
    ? new Assertion(errorOf(failing).then((error) => factsOf(error, options)))
    : new Assertion(factsOf(failing, options));
}

type Check = (facts: ErrorFacts) => { actual: unknown; expected: unknown } | undefined;

class Assertion implements GrpcErrorAssertion {
  /** Of an error it fails at once; of a call that nobody awaits as an unhandled rejection, which runners report. */
  constructor(private facts: ErrorFacts | Promise<ErrorFacts>) {}

  toHaveStatus(status: GrpcCodeName): this {
    return this.#expect('toHaveStatus', ({ status: actual }) =>
      actual === status ? undefined : { actual, expected: status },
    );
  }

  toHaveReason(reason: string, domain?: string): this {
    return this.#expect('toHaveReason', (facts) => {
      const isDomain = domain === undefined || facts.domain === domain;
      if (facts.reason === reason && isDomain) return undefined;
      const { reason: had, domain: by } = facts;
      return domain === undefined
        ? { actual: had, expected: reason }
        : { actual: { reason: had, domain: by }, expected: { reason, domain } };
    });
  }

  toHaveViolation(field: string, reason?: string): this {
    return this.#expect('toHaveViolation', ({ violations: actual }) =>
      actual.some((one) => one.field === field && (reason ?? one.reason) === one.reason)
        ? undefined
        : { actual, expected: [{ field, ...(reason !== undefined && { reason }) }] },
    );
  }

  toHaveMetadata(metadata: Readonly<Record<string, string>>): this {
    return this.#expect('toHaveMetadata', ({ metadata: actual }) =>
      Object.entries(metadata).every(([name, value]) => actual[name] === value)
        ? undefined
        : { actual, expected: metadata },
    );
  }

  toBeRetryable(after?: Duration): this {
    const ms = after === undefined ? undefined : parseDuration(after);
    if (after !== undefined && ms === undefined)
      throw new TypeError(`${show(after)} is not a duration. Give milliseconds or '2s'.`);
    return this.#expect('toBeRetryable', ({ status, isRetryable, retryAfterMs }) => {
      if (!isRetryable) return { actual: status, expected: 'UNAVAILABLE, or a RetryInfo' };
      const expected = ms ?? retryAfterMs;
      return expected === retryAfterMs ? undefined : { actual: retryAfterMs, expected };
    });
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it is to be awaited
  then<A = void, B = never>(
    onDone?: (() => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const done = Promise.resolve(this.facts).then(() => {});
    return done.then(onDone as (() => A) | undefined, onError);
  }

  #expect(name: keyof GrpcErrorAssertion, check: Check): this {
    const place: { stack?: string } = {};
    Error.captureStackTrace(place, this[name]);
    const checked = (facts: ErrorFacts): ErrorFacts => {
      const difference = check(facts);
      if (difference) throw failure(name, facts, difference, place.stack);
      return facts;
    };
    this.facts = this.facts instanceof Promise ? this.facts.then(checked) : checked(this.facts);
    return this;
  }
}

/** Its stack is that of the expectation: what it is about has come later, and from elsewhere. */
function failure(
  operator: string,
  { status, reason, message }: ErrorFacts,
  { actual, expected }: { actual: unknown; expected: unknown },
  stack = '',
): AssertionError {
  const said = `${operator}: expected ${inspect(expected)}, and it has ${inspect(actual)}. The call failed with ${status} (${reason}): ${message}`;
  const error = new AssertionError({ message: said, actual, expected, operator });
  error.stack = `AssertionError: ${said}\n${stack.slice(stack.indexOf('\n') + 1)}`;
  return error;
}

function called(failing: () => unknown): unknown {
  try {
    const result = failing();
    return isCall(result) ? result : Promise.resolve(result);
  } catch (error) {
    return error;
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function';

const isCall = (value: unknown): boolean => isThenable(value) || isObservable(value);

async function errorOf(failing: unknown): Promise<unknown> {
  let actual: unknown;
  try {
    if (isThenable(failing)) actual = await failing;
    else if (isObservable(failing)) await failing.forEach((message) => void (actual = message));
  } catch (error) {
    return error;
  }
  const message = `The call was to fail, and was answered with ${inspect(actual)}.`;
  throw new AssertionError({ message, actual, expected: 'an error', operator: 'expectGrpcError' });
}
