import { OptionsCheck, type Duration } from '@acme/nest-message-context/kit';
import {
  ClientRMQ,
  RmqRecord,
  type ReadPacket,
  type RmqOptions,
  type Serializer,
  type WritePacket,
} from '@nestjs/microservices';
import { defer, throwError, type Observable } from 'rxjs';
import { rpcErrorBodyOf } from '../core/rpc-answer.js';
import type { RpcDeadline } from '../core/rpc-deadline.js';
import {
  RabbitMqConfigurationError,
  RpcError,
  RpcTimeoutError,
  RpcUnroutableError,
} from '../rabbitmq.errors.js';
import { deadlineFor, requestProperties } from '../rpc/outgoing-request.js';
import { within } from '../rpc/within.js';

type NestOptions = NonNullable<RmqOptions['options']>;

/** Those of Nest's `Transport.RMQ`. */
export interface ReliableClientRmqOptions extends NestOptions {
  /**
   * How long `send()` waits for the end of the reply. One request has another time by `expiration` in its `RmqRecordBuilder`, in
   * milliseconds.
   * @default '10s'
   */
  timeout?: Duration;
}

interface ReturnedLike {
  readonly properties: { readonly correlationId?: string | undefined };
}

interface ReturningChannelLike {
  on(event: 'return', listener: (message: ReturnedLike) => void): unknown;
}

const DEADLINE = Symbol('deadline');
type Timed = ReadPacket & { [DEADLINE]?: RpcDeadline; id?: string };
type Answer = (packet: WritePacket) => void;

/**
 * Nest's client for RabbitMQ, whose requests end: with the reply, with the error that the handler has thrown (`RpcError`), or in time.
 * A request says until when it is waited for, so that nobody handles it after that, and one that comes to no queue fails at once.
 *
 *     ClientsModule.register([{ name: 'ORDERS', customClass: ReliableClientRMQ, options: { urls, queue: 'orders' } }])
 */
export class ReliableClientRMQ extends ClientRMQ {
  readonly #timeoutMs: number;
  /** By correlation id. */
  readonly #waiting = new Map<string, { readonly name: string; readonly answer: Answer }>();

  /** @throws {RabbitMqConfigurationError} for a timeout that is none */
  constructor(options: ReliableClientRmqOptions = {}) {
    const { timeout, ...rest } = options;
    const check = new OptionsCheck();
    const timeoutMs = check.timeout('timeout', timeout, '10s');
    if (check.problems.length > 0)
      throw new RabbitMqConfigurationError(check.problems, 'ReliableClientRMQ');
    super(rest);
    this.#timeoutMs = timeoutMs;
    // Whoever else is bound to an exchange would lose what he takes his time for.
    this.serializer = timing(this.serializer, !rest.wildcards && rest.exchangeType !== 'fanout');
  }

  /**
   * Errors with an `RpcError` where the handler has failed, with an `RpcTimeoutError` where it has not answered in time, and with an
   * `RpcUnroutableError` where there is no queue.
   */
  override send<Result = unknown, Input = unknown>(
    pattern: unknown,
    data: Input,
  ): Observable<Result> {
    return defer(() => {
      const deadline = deadlineFor(expirationOf(data) ?? this.#timeoutMs);
      const name = nameOf(pattern);
      const late = (): RpcTimeoutError => new RpcTimeoutError(name, deadline.leftMs);
      if (deadline.leftMs === 0) return throwError(late);
      const timed = data === undefined || data === null ? data : new TimedData(data, deadline);
      return super.send<Result, unknown>(pattern, timed).pipe(within(deadline.leftMs, late));
    });
  }

  protected override publish({ pattern, data }: ReadPacket, answer: Answer): () => void {
    const { input, deadline } = data as TimedData;
    // Nest gives it the id that the reply comes back with.
    const packet: Timed = { pattern: pattern as unknown, data: input, [DEADLINE]: deadline };
    const forget = super.publish(packet, answer);
    const id = packet.id ?? '';
    this.#waiting.set(id, { name: nameOf(pattern), answer });
    return () => {
      this.#waiting.delete(id);
      forget();
    };
  }

  override setupChannel(channel: ReturningChannelLike, resolve: (value?: unknown) => void) {
    channel.on('return', ({ properties: { correlationId = '' } }) => {
      const request = this.#waiting.get(correlationId);
      request?.answer({ err: new RpcUnroutableError(request.name) });
    });
    return super.setupChannel(channel, resolve as () => void);
  }

  override serializeError(error: unknown): unknown {
    return error instanceof Error ? error : new RpcError(rpcErrorBodyOf(error), error);
  }
}

/** On its way through Nest's own `send()`, which knows no deadlines. */
class TimedData {
  constructor(
    readonly input: unknown,
    readonly deadline: RpcDeadline,
  ) {}
}

/** The options that a packet is sent with are what its serializer says. */
function timing(serializer: Serializer, expires: boolean): Serializer {
  return {
    serialize(packet: Timed, options?: Record<string, unknown>) {
      const { [DEADLINE]: deadline } = packet;
      const serialized = serializer.serialize(packet, options) as {
        options?: { readonly headers?: object };
      };
      if (!deadline) return serialized;
      const { options: own } = serialized;
      const { expiration, headers } = requestProperties(deadline, own?.headers);
      const timed = { ...own, ...(expires && { expiration }), headers, mandatory: true };
      serialized.options = timed as object;
      return serialized;
    },
  };
}

function expirationOf(data: unknown): number | undefined {
  const expiration = data instanceof RmqRecord ? Number(data.options?.expiration) : Number.NaN;
  return expiration > 0 ? expiration : undefined;
}

const nameOf = (pattern: unknown): string =>
  typeof pattern === 'string' ? pattern : JSON.stringify(pattern);
