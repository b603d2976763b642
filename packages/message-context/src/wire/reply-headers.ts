/** golevelup's name for what its callers know a reply by, besides the correlation id. */
const REQUEST_ID = 'X-Request-ID';

/** The headers of a reply: a caller of golevelup that has sent an id of its own takes nothing without it. */
export function replyHeaders(
  headers: Readonly<Record<string, unknown>> | undefined,
): Record<string, unknown> {
  const id = headers?.[REQUEST_ID];
  return id === undefined ? {} : { [REQUEST_ID]: id };
}
