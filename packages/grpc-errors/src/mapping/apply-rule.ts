import { parseDuration } from '@acme/nest-message-context/kit';
import { GrpcCode, type GrpcErrorCode } from '../core/codes.js';
import type { GrpcFailure } from '../core/failure.js';
import { readSafely, textIn } from '../core/read-safely.js';
import type { GrpcErrorRule } from './grpc-error-rule.js';

/** A rule that was checked, with the reason it has by default. */
export interface ResolvedRule extends GrpcErrorRule<never> {
  readonly reason: string;
  /** Whether that is made of the name of the class. */
  readonly isNamedByClass?: boolean;
}

/** What the rule makes of an error. What the user's functions throw is his, and tells of a broken rule. */
export function applyRule(rule: ResolvedRule, error: unknown): GrpcFailure {
  const { code, reason, message, metadata, retryAfter, details } = rule;
  const given = error as never;
  const text = typeof message === 'function' ? message(given) : message;
  const after = typeof retryAfter === 'function' ? retryAfter(given) : retryAfter;
  return {
    code: GrpcCode[code] as GrpcErrorCode,
    reason,
    message: text ?? textIn(error, 'message') ?? reason,
    metadata: metadata && textsOf(metadata, error),
    retryAfterMs: after === undefined ? undefined : parseDuration(after),
    details: details?.(given),
  };
}

function textsOf(
  metadata: NonNullable<GrpcErrorRule<never>['metadata']>,
  error: unknown,
): Record<string, string> {
  const texts: Record<string, string> = {};
  const add = (name: string, value: unknown): void => {
    const text = textOf(value);
    if (text !== undefined) texts[name] = text;
  };
  if (typeof metadata === 'function')
    for (const [name, value] of Object.entries(metadata(error as never))) add(name, value);
  else for (const name of metadata) add(name, readSafely(error, name));
  return texts;
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
  if (typeof value === 'object') return jsonOf(value);
  return ['number', 'boolean', 'bigint'].includes(typeof value) ? `${value as number}` : undefined;
}

/** What JSON cannot write (a cycle, a bigint) is left out: of less use than the rest of the answer. */
function jsonOf(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
