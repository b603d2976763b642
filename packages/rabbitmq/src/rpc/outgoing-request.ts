import { HeaderNames, MessageContext } from '@acme/nest-message-context';
import { rpcDeadline, type RpcDeadline } from '../core/rpc-deadline.js';

/** No timer is longer. */
const MAX_MS = 2 ** 31 - 1;

/** The time that a request has which is made now. */
export const deadlineFor = (timeoutMs: number): RpcDeadline =>
  rpcDeadline(Math.min(timeoutMs, MAX_MS), inherited(), Date.now());

/** Nobody waits for the end of an event, whatever deadline it came with: it may be handled long after that. */
function inherited(): number | undefined {
  const message = MessageContext.current()?.message;
  return message?.expectsReply ? message.deadline : message?.allowedUntil;
}

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
