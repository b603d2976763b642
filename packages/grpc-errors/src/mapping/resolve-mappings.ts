import { show } from '@acme/nest-message-context/kit';
import type { ResolvedRule } from './apply-rule.js';
import type { ErrorClass, PredicateRule } from './error-rules.js';
import type { GrpcErrorRule } from './grpc-error-rule.js';
import { resolveRule } from './resolve-rule.js';

/** A class of errors, or a function that recognises some, and how those are answered. A function needs a rule with a `reason`. */
export type GrpcErrorMapping = readonly [
  target: ErrorClass | ((error: unknown) => boolean),
  rule: GrpcErrorRule<never>,
];

/** Checks the mappings, and says what is wrong with them. */
export function resolveMappings(mappings: readonly GrpcErrorMapping[] = [], problems: string[]) {
  const classes: { readonly target: ErrorClass; readonly rule: ResolvedRule }[] = [];
  const predicates: PredicateRule[] = [];
  if (!Array.isArray(mappings))
    problems.push(
      `mappings: ${show(mappings)} is no list. Give [[OrderNotFoundError, { code: 'NOT_FOUND' }]].`,
    );
  else
    for (const mapping of mappings as readonly GrpcErrorMapping[]) {
      const [target, given] = Array.isArray(mapping) ? mapping : [undefined, undefined];
      if (typeof target !== 'function') {
        problems.push(`mappings: ${show(target)} is neither a class nor a function.`);
        continue;
      }
      const found: string[] = [];
      const isOne = isClass(target);
      const name = isOne ? target.name : '';
      const rule = resolveRule(given as GrpcErrorRule, name, found);
      problems.push(...found.map((problem) => `mappings of ${name || 'a function'}: ${problem}`));
      if (isAsync(target))
        problems.push(
          'mappings: an async function gives a promise, which would be taken for true. Let it say at once whether it knows the error.',
        );
      else if (!isOne) predicates.push({ matches: target as (error: unknown) => boolean, rule });
      else if (classes.some((one) => one.target === target))
        problems.push(`mappings: ${name} is there twice. Leave one out.`);
      else if (rule.isNamedByClass && classes.some((one) => isSameReason(one.rule, rule)))
        problems.push(
          `mappings: two classes give ${rule.reason} by their names, and callers could not tell them apart. Give one a reason of its own.`,
        );
      else classes.push({ target, rule });
    }
  return { classes, predicates };
}

/**
 * Compiled to functions, classes have a prototype with methods or with another one behind it; one without either is known by its capital. Arrow functions have no
 * prototype at all.
 */
function isClass(target: object): target is ErrorClass {
  const { prototype, name } = target as { prototype?: object; name: string };
  if (!prototype) return false;
  return (
    /^class\b/.test(Function.prototype.toString.call(target)) ||
    Object.getPrototypeOf(prototype) !== Object.prototype ||
    Object.getOwnPropertyNames(prototype).length > 1 ||
    /^[A-Z]/.test(name)
  );
}

const isSameReason = (one: ResolvedRule, other: ResolvedRule): boolean =>
  one.isNamedByClass === true && one.reason === other.reason;

const isAsync = (target: object): boolean => target.constructor.name === 'AsyncFunction';
