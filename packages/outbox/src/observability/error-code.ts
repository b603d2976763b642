import { errorCodeOf as codeOf, isCode } from '@acme/nest-message-context/observability';

/** Which error it is, in one word: the `reason` of a publisher, the `code`, or the name of the class. */
export function errorCodeOf(error: unknown): string {
  const { reason } = (error ?? {}) as { readonly reason?: unknown };
  return isCode(reason) ? String(reason) : codeOf(error);
}
