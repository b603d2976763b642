/** When a request has to be answered, and how much time is left for that. */
export interface RpcDeadline {
  /** Unix milliseconds. */
  readonly at: number;
  /** Milliseconds, at least 1 where there is any time left; 0 where there is none. */
  readonly leftMs: number;
}

/**
 * The time that a request has: what its caller gives it, but no more than is left to whoever waits for the caller himself.
 *
 * @param inherited the deadline of the message that is being handled, in Unix milliseconds
 * @param now Unix milliseconds
 */
export function rpcDeadline(
  timeoutMs: number,
  inherited: number | undefined,
  now: number,
): RpcDeadline {
  const at = Math.min(now + timeoutMs, inherited ?? Infinity);
  return { at, leftMs: at <= now ? 0 : Math.max(1, Math.floor(at - now)) };
}
