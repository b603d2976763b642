import { HeaderNames, MessageContext } from '@acme/nest-message-context';
import { rpcDeadline, type RpcDeadline } from '../core/rpc-deadline.js';

/** The time that a request has which is made now. */
export const deadlineFor = (timeoutMs: number): RpcDeadline =>
  rpcDeadline(timeoutMs, MessageContext.current()?.message.deadline, Date.now());

/** What a request says of itself to whoever handles it, and to the broker, which drops it when nobody waits any more. */
export function requestProperties(
  { at, leftMs }: RpcDeadline,
  headers: object | undefined,
): { readonly expiration: string; readonly headers: Readonly<Record<string, unknown>> } {
  return {
    expiration: String(leftMs),
    headers: {
      ...MessageContext.current()?.outboundHeaders(),
      ...headers,
      [HeaderNames.deadline]: at,
    },
  };
}
