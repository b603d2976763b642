import { isRpcErrorBody, type RpcErrorBody } from '@acme/nest-message-context';

/**
 * What a failed request was answered with, whoever has answered: this package, Nest's own filter (which says no more than that it
 * failed), or a filter of the service's own.
 */
export function rpcErrorBodyOf(answer: unknown): RpcErrorBody {
  if (isRpcErrorBody(answer)) return answer;
  const { code, statusCode, status, message } = fieldsOf(answer);
  return {
    status: 'error',
    code: typeof code === 'string' && code !== '' ? code : 'RPC_FAILED',
    statusCode: [statusCode, status].find(isHttpError) ?? 500,
    message: wordsOf(message) ?? 'The request failed.',
  };
}

const fieldsOf = (answer: unknown): Readonly<Record<string, unknown>> =>
  typeof answer === 'object' && answer !== null
    ? (answer as Record<string, unknown>)
    : { message: answer };

const isHttpError = (value: unknown): value is number =>
  typeof value === 'number' && value >= 400 && value <= 599;

/** Nest's validation puts what is wrong into a list. */
function wordsOf(message: unknown): string | undefined {
  if (Array.isArray(message)) return message.join('; ');
  return typeof message === 'string' && message !== '' ? message : undefined;
}

/** The replies to a request that is no packet of Nest's, made one: the last value, or the error, is the whole body. */
export class PlainReply {
  #body: unknown;

  /** Returns what to send, once there is nothing to come. */
  take(packet: ReplyPacket): { readonly body: unknown } | undefined {
    if (packet.err !== undefined) this.#body = rpcErrorBodyOf(packet.err);
    else if (packet.response !== undefined) this.#body = packet.response;
    return packet.isDisposed ? { body: this.#body } : undefined;
  }
}

/** What Nest sends to a caller, once or several times. */
export interface ReplyPacket {
  readonly err?: unknown;
  readonly response?: unknown;
  readonly isDisposed?: boolean;
}

/** On the wire. Bytes go out as they are, and nothing as no bytes: as golevelup has it. */
export function replyBytes(body: unknown): {
  readonly content: Buffer;
  readonly contentType: string;
} {
  if (body instanceof Uint8Array)
    return { content: Buffer.from(body), contentType: 'application/octet-stream' };
  const text = body === undefined ? '' : JSON.stringify(body);
  return { content: Buffer.from(text), contentType: 'application/json' };
}
