/**
 * What an error says, for a line in a log. Node reports that it reached no address of a host in an error without a message;
 * that one has a code.
 */
export function textOf(error: unknown): string {
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown };
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
  return [message, code].find(isText) ?? String(error);
}
