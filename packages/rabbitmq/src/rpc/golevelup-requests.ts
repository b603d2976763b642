import { isRpcErrorBody, STATUS } from '@acme/nest-message-context';
import { RpcError, RpcTimeoutError } from '../rabbitmq.errors.js';
import { deadlineFor, requestProperties } from './outgoing-request.js';

interface RequestLike {
  readonly exchange: string;
  readonly routingKey: string;
  readonly timeout?: number | undefined;
  readonly headers?: object | undefined;
  readonly expiration?: string | number | undefined;
}

/** golevelup's `AmqpConnection`, as far as it makes requests. */
export interface GolevelupRequestingConnectionLike {
  request(options: RequestLike): Promise<unknown>;
  readonly configuration?: { readonly defaultRpcTimeout?: number | undefined } | undefined;
}

export function isGolevelupRequestingConnection(
  value: object,
): value is GolevelupRequestingConnectionLike {
  return typeof (value as Partial<GolevelupRequestingConnectionLike>).request === 'function';
}

/** As golevelup has it. */
const TIMEOUT_MS = 10_000;

/**
 * From now on requests by this connection say until when they are waited for, and what they are answered with is an error where it
 * says so. Only this one object is touched.
 */
export function adoptGolevelupRequests(connection: GolevelupRequestingConnectionLike): void {
  const request = connection.request.bind(connection);
  connection.request = async (options) => {
    // As golevelup reads it: 0 is nothing said.
    const timeout = options.timeout || connection.configuration?.defaultRpcTimeout || TIMEOUT_MS;
    const deadline = deadlineFor(timeout);
    const name = options.routingKey;
    if (deadline.leftMs === 0) throw new RpcTimeoutError(name, 0);
    const { expiration, headers } = requestProperties(deadline, options.headers);
    // Whoever else is bound to an exchange would lose what he takes his time for.
    const dropped = options.exchange === '' ? { expiration } : {};
    const timed = { ...dropped, ...options, headers, timeout: deadline.leftMs };
    const reply = await request(timed).catch((error: unknown) => {
      throw marked(error);
    });
    if (isRpcErrorBody(reply)) throw new RpcError(reply);
    return reply;
  };
}

/** Of golevelup's own class, as before, and known everywhere for what it is. */
function marked(error: unknown): unknown {
  if (error instanceof Error && error.name === 'RpcTimeoutError')
    Object.defineProperty(error, STATUS, { value: RpcTimeoutError.status });
  return error;
}
