import { Failures } from '../answer/failures.js';
import { isRemoteError, type RemoteError } from '../client/remote-error.js';
import { remoteErrorOf } from '../client/remote-errors.js';
import { codeNameOf, GrpcCode, isErrorCode, type GrpcCodeName } from '../core/codes.js';
import type { ErrorDetails } from '../core/details/types.js';
import { readSafely } from '../core/read-safely.js';
import { resolveOptions, type GrpcErrorsModuleOptions } from '../grpc-errors.options.js';
import { applyRule } from '../mapping/apply-rule.js';
import { ErrorRules } from '../mapping/error-rules.js';
import { presetsFor } from '../presets/presets-for.js';

/** What a caller knows, or would know, of a call that has failed. */
export interface ErrorFacts {
  readonly status: GrpcCodeName;
  readonly reason: string;
  readonly domain: string | undefined;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly { readonly field: string; readonly reason: string | undefined }[];
  readonly retryAfterMs: number | undefined;
  readonly isRetryable: boolean;
}

/**
 * Of what a call has failed with: an error of our client, one that it has given its own class back, one of grpc-js. Else of what was thrown in a service: as
 * `GrpcErrorsModule` with these options answers it.
 */
export function factsOf(error: unknown, options: Partial<GrpcErrorsModuleOptions>): ErrorFacts {
  if (isRemoteError(error)) return ofRemote(error);
  const cause = readSafely(error, 'cause');
  if (isRemoteError(cause)) return ofRemote(cause);
  const isAnswer = typeof readSafely(error, 'details') === 'string';
  if (isAnswer && isErrorCode(readSafely(error, 'code')))
    return ofRemote(remoteErrorOf(error, '', new Map()) as RemoteError);
  return ofThrown(error, { domain: 'test', ...options });
}

const ofRemote = (error: RemoteError): ErrorFacts => ({
  ...common(error, error.details),
  domain: error.domain,
  metadata: error.metadata,
});

function ofThrown(error: unknown, options: GrpcErrorsModuleOptions): ErrorFacts {
  const settings = resolveOptions(options);
  const rules = new ErrorRules(settings.predicates);
  for (const { target, rule } of settings.classes)
    rules.add(target, (thrown) => applyRule(rule, thrown));
  const broken = (problem: unknown): never => {
    throw problem;
  };
  const { failure } = new Failures(rules, presetsFor(settings), settings.unknown, broken).of(error);
  return {
    ...common(failure, failure.details),
    domain: failure.domain ?? options.domain,
    metadata: failure.metadata ?? {},
  };
}

function common(
  {
    code,
    reason,
    message,
    retryAfterMs,
  }: Pick<RemoteError, 'code' | 'reason' | 'message'> & {
    readonly retryAfterMs?: number | undefined;
  },
  { badRequest }: Pick<ErrorDetails, 'badRequest'> = {},
) {
  return {
    status: codeNameOf(code)!,
    reason,
    message,
    violations: (badRequest?.fieldViolations ?? []).map(({ field, reason: why }) => ({
      field,
      reason: why,
    })),
    retryAfterMs,
    isRetryable: code === GrpcCode.UNAVAILABLE || retryAfterMs !== undefined,
  };
}
