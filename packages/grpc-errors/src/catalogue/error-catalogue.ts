import { parseDuration } from '@acme/nest-message-context/kit';
import { GrpcCode, type GrpcCodeName, type GrpcErrorCode } from '../core/codes.js';
import { httpStatusOfCode } from '../core/http-codes.js';
import { resolveOptions, type GrpcErrorsModuleOptions } from '../grpc-errors.options.js';
import type { ResolvedRule } from '../mapping/apply-rule.js';
import type { ErrorClass } from '../mapping/error-rules.js';
import { handledBy, isAdvice } from '../mapping/grpc-error-advice.js';
import { ownRuleOf } from '../mapping/grpc-error.decorator.js';

/** Where the errors of a service are said. */
export interface ErrorSources extends Pick<GrpcErrorsModuleOptions, 'domain' | 'mappings'> {
  /** Those with `@GrpcError()` count, the rest is passed over: give `Object.values()` of a file as it is. */
  readonly classes?: Iterable<unknown>;
  /** Those with `@GrpcErrorAdvice()` count. */
  readonly advices?: Iterable<unknown>;
}

/** An error that callers may look at. */
export interface CatalogueEntry {
  readonly domain: string;
  readonly reason: string;
  readonly code: GrpcCodeName;
  /** Its status at a REST door. */
  readonly http: number;
  /** Whether the same call may be made again: it is `UNAVAILABLE`, or says when. */
  readonly retryable: boolean;
  /** Milliseconds; `null` where it does not say, `'varies'` where a function does. */
  readonly retryAfterMs: number | 'varies' | null;
  /** Names of its facts, in order; `null` where a function gives them, and nobody knows before. */
  readonly metadata: readonly string[] | null;
  /** Name of the class; `null` where a function of `mappings` recognises it. */
  readonly class: string | null;
}

/** What a service publishes: the same sources give the same, byte by byte. */
export interface ErrorCatalogue {
  /** By domain and reason. */
  readonly errors: readonly CatalogueEntry[];
  /** What is decided when it happens, and by whom. */
  readonly atRunTime: readonly string[];
}

/**
 * Lists the errors of a service as its callers see them. What this package answers by itself (validation, databases, what nobody knows) is not in it.
 *
 * @throws {GrpcErrorsConfigurationError} for a domain or mappings that are wrong
 */
export function errorCatalogue({
  domain,
  mappings = [],
  classes = [],
  advices = [],
}: ErrorSources): ErrorCatalogue {
  const mapped = resolveOptions({ domain, mappings });
  const errors = mapped.classes.map(({ target, rule }) => entryOf(domain, rule, target));
  for (const { rule } of mapped.predicates) errors.push(entryOf(domain, rule));
  for (const target of classes) {
    const rule = typeof target === 'function' ? ownRuleOf(target) : undefined;
    // What mappings say of a class goes before what it says itself.
    if (rule && !mapped.classes.some((one) => one.target === target))
      errors.push(entryOf(domain, rule, target as ErrorClass));
  }
  return {
    errors: withoutRepeats(errors.toSorted(byReason)),
    atRunTime: [...new Set([...advices].flatMap(saidBy))].toSorted(),
  };
}

function entryOf(
  domain: string,
  { code: name, reason, retryAfter, metadata = [] }: ResolvedRule,
  target?: ErrorClass,
): CatalogueEntry {
  const code = GrpcCode[name] as GrpcErrorCode;
  return {
    domain,
    reason,
    code: name,
    http: httpStatusOfCode(code),
    retryable: code === GrpcCode.UNAVAILABLE || retryAfter !== undefined,
    retryAfterMs: typeof retryAfter === 'function' ? 'varies' : (parseDuration(retryAfter) ?? null),
    metadata: typeof metadata === 'function' ? null : metadata.toSorted(),
    class: target?.name || null,
  };
}

function saidBy(advice: unknown): string[] {
  if (typeof advice !== 'function' || !isAdvice(advice)) return [];
  return handledBy(advice.prototype as object).map(
    ({ key, classes }) =>
      `${advice.name}.${String(key)}(): ${classes.map(({ name }) => name).join(', ')}`,
  );
}

const keyOf = ({ domain, reason, code, class: name }: CatalogueEntry): string =>
  [domain, reason, code, name ?? ''].join(' ');

/** By code unit: of languages there are many, and the file is compared. */
const byReason = (a: CatalogueEntry, b: CatalogueEntry): number =>
  keyOf(a) < keyOf(b) ? -1 : Number(keyOf(a) > keyOf(b));

/** A file that is loaded as CommonJS and as a module has its classes twice. */
const withoutRepeats = (errors: readonly CatalogueEntry[]): CatalogueEntry[] => [
  ...new Map(errors.map((one) => [JSON.stringify(one), one])).values(),
];
