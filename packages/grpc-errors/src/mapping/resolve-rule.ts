import { parseDuration, show } from '@acme/nest-message-context/kit';
import { GrpcCode } from '../core/codes.js';
import {
  metadataKeyProblem,
  reasonFromClassName,
  reasonProblem,
} from '../core/text/error-reason.js';
import type { ResolvedRule } from './apply-rule.js';
import type { GrpcErrorRule } from './grpc-error-rule.js';

const KNOWN = ['code', 'reason', 'message', 'metadata', 'retryAfter', 'details'];

/** Checks a rule, and says what is wrong with it. */
export function resolveRule<E>(
  given: GrpcErrorRule<E>,
  className: string,
  problems: string[],
): ResolvedRule {
  const rule: Partial<GrpcErrorRule<E>> =
    typeof given === 'object' && given !== null ? given : { code: given as never };
  for (const key of Object.keys(rule))
    if (!KNOWN.includes(key))
      problems.push(`${key}: there is no such option. Known are ${KNOWN.join(', ')}.`);
  const { code, metadata, retryAfter } = rule;
  if (code === undefined || !Object.hasOwn(GrpcCode, code) || (code as string) === 'OK')
    problems.push(
      `code: ${show(code)} is no status of an error. Give one by name, such as 'NOT_FOUND'.`,
    );
  const reason = rule.reason ?? reasonFromClassName(className);
  const problem = reasonProblem(reason);
  if (problem !== undefined) problems.push(`reason: ${show(reason)} ${problem}.`);
  const { message, details } = rule;
  if (message !== undefined && typeof message !== 'string' && typeof message !== 'function')
    problems.push(`message: ${show(message)} is neither a text nor a function of the error.`);
  if (details !== undefined && typeof details !== 'function')
    problems.push(`details: ${show(details)} is no function of the error.`);
  if (metadata !== undefined && !Array.isArray(metadata) && typeof metadata !== 'function')
    problems.push(
      `metadata: ${show(metadata)} is neither a list of names nor a function of the error.`,
    );
  if (Array.isArray(metadata))
    for (const key of metadata as readonly string[]) {
      const wrong = metadataKeyProblem(key);
      if (wrong !== undefined) problems.push(`metadata: ${show(key)} ${wrong}.`);
    }
  if (
    retryAfter !== undefined &&
    typeof retryAfter !== 'function' &&
    parseDuration(retryAfter) === undefined
  )
    problems.push(
      `retryAfter: ${show(retryAfter)} is not a duration. Give milliseconds, '2s', or a function of the error.`,
    );
  return {
    ...(rule as GrpcErrorRule<never>),
    reason,
    isNamedByClass: rule.reason === undefined,
  };
}
