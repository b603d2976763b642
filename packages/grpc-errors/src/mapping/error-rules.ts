import type { GrpcFailure } from '../core/failure.js';
import { readSafely, textIn } from '../core/read-safely.js';
import { applyRule, type ResolvedRule } from './apply-rule.js';
import { ownRuleOf } from './grpc-error.decorator.js';

/** Says how an error is answered; undefined: somebody else's. */
export type Answering = (error: unknown) => GrpcFailure | undefined;

/** An error class. */
export type ErrorClass = abstract new (...args: never[]) => unknown;

/** A mapping that no class stands for. */
export interface PredicateRule {
  readonly matches: (error: unknown) => boolean;
  readonly rule: ResolvedRule;
}

/**
 * How errors are answered by their class: the nearest one that anybody has said something of, however that was said. Found once for each class,
 * so it takes as long with a thousand mappings as with one.
 */
export class ErrorRules {
  readonly #byClass = new Map<object, Answering>();
  #found = new WeakMap<object, Answering | false>();
  /** The classes by whose names reasons were made. */
  readonly #named = new Map<string, object>();

  constructor(
    private readonly predicates: readonly PredicateRule[] = [],
    private readonly warn: (line: string) => void = () => {},
  ) {}

  /** Returns false where somebody has said something of that class before. */
  add(target: ErrorClass, answering: Answering): boolean {
    if (this.#byClass.has(target)) return false;
    this.#byClass.set(target, answering);
    this.#found = new WeakMap();
    return true;
  }

  /** By what was said here of its class, and not by the class itself: another service has thrown it. */
  answerExplicitly(error: unknown): GrpcFailure | undefined {
    const constructor = readSafely(error, 'constructor');
    for (let one = constructor; typeof one === 'function'; one = Object.getPrototypeOf(one)) {
      const failure = this.#byClass.get(one)?.(error);
      if (failure) return failure;
    }
    return undefined;
  }

  answer(error: unknown): GrpcFailure | undefined {
    const constructor = readSafely(error, 'constructor');
    if (typeof constructor === 'function') {
      const found = this.#nearest(constructor);
      const failure = found && found(error);
      if (failure) return failure;
    }
    const predicate = this.predicates.find(({ matches }) => matches(error));
    return predicate && applyRule(predicate.rule, error);
  }

  #nearest(constructor: object): Answering | false {
    let found = this.#found.get(constructor);
    if (found === undefined) this.#found.set(constructor, (found = this.#search(constructor)));
    return found;
  }

  #search(constructor: object): Answering | false {
    for (
      let one: object | null = constructor;
      one;
      one = Object.getPrototypeOf(one) as object | null
    ) {
      const said = this.#byClass.get(one);
      const rule = ownRuleOf(one);
      if (rule?.isNamedByClass) this.#tellApart(one, rule);
      // An advice may say that it is none of its business.
      if (said && rule) return (error) => said(error) ?? applyRule(rule, error);
      if (said) {
        const above = this.#search(Object.getPrototypeOf(one) as object);
        return above ? (error) => said(error) ?? above(error) : said;
      }
      if (rule) return (error) => applyRule(rule, error);
    }
    return false;
  }

  /** Found when they are thrown: which classes there are, nobody knows at boot. */
  #tellApart(target: object, { reason }: ResolvedRule): void {
    const other = this.#named.get(reason);
    if (other === undefined) this.#named.set(reason, target);
    else if (other !== target)
      this.warn(
        `Two classes of errors give ${reason} by their names (${nameOf(target)}), and callers cannot tell them apart. Give one a reason of its own with @GrpcError().`,
      );
  }
}

const nameOf = (target: object): string => textIn(target, 'name') ?? '';
