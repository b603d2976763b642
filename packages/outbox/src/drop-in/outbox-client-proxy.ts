import type { FactoryProvider, InjectionToken } from '@nestjs/common';
import { NEST_PACKET, type HeaderValue, type OutboundMessage } from '@acme/nest-message-context';
import { from, map, type Observable } from 'rxjs';
import { Outbox } from '../outbox.js';
import { OutboxMessageInvalidError, OutboxUnsupportedError } from '../outbox.errors.js';
import { fromPublishOptions } from './publish-options.js';

/** Where an `OutboxClientProxy` sends, and how. */
export interface OutboxClientProxyOptions {
  /**
   * The `queue` of the client that is replaced. Nobody declares it here: the consumer does.
   * @default the publisher's own destination
   */
  readonly queue?: string | undefined;
  /** The `exchange` of the client that is replaced, instead of a queue; the pattern is the routing key, as with `wildcards: true`. */
  readonly exchange?: string | undefined;
  /** Sent with every message; those of a record are stronger. */
  readonly headers?: Readonly<Record<string, HeaderValue>> | undefined;
  /**
   * `'nest'` is what the replaced client has sent, and stock consumers of NestJS expect. `'plain'` is the payload alone with
   * the pattern as AMQP `type`: for consumers with the `PlainJsonDeserializer`, or in another language. A publisher of your
   * own knows the former by its `contentType`, `application/vnd.nestjs.packet+json`.
   * @default 'nest'
   */
  readonly envelope?: 'nest' | 'plain' | undefined;
  /** Messages of one key keep their order. */
  readonly key?: ((pattern: unknown, data: unknown) => string | undefined) | undefined;
}

/**
 * Stands in for a `ClientProxy` of `@nestjs/microservices`: `emit()` adds to the outbox, within the open transaction.
 *
 * Refusals (no transaction, a message that cannot be published) are thrown by `emit()` at once, for few look at what it
 * returns. Await that inside the transaction: one that ends while a message is still being written is rolled back.
 */
export class OutboxClientProxy {
  constructor(
    private readonly outbox: Outbox,
    private readonly options: OutboxClientProxyOptions = {},
  ) {
    if (options.queue !== undefined && options.exchange !== undefined) {
      throw new OutboxUnsupportedError(
        'OutboxClientProxy was given a queue and an exchange. Give the one that the replaced client sends to: the exchange where it has wildcards: true, else the queue.',
      );
    }
  }

  /**
   * Emits `undefined` and completes when the message is written; it leaves when the transaction has committed. A record of
   * Nest's (`RmqRecordBuilder`) gives options of the message.
   *
   * @throws {OutboxTransactionRequiredError} outside a transaction
   * @throws {OutboxMessageInvalidError} when the message could never be published, or not with these options
   */
  emit<TResult = unknown, TInput = unknown>(pattern: unknown, data: TInput): Observable<TResult> {
    const written = this.outbox.take(this.#toMessage(pattern, data));
    return from(written).pipe(map(() => undefined as TResult));
  }

  /** @throws {OutboxUnsupportedError} always: its reply could come only after the commit */
  send(): never {
    throw unsupported(
      'send(): a request cannot wait in an outbox, for its reply would come after the commit. Inject the ClientProxy itself for requests',
    );
  }

  async connect(): Promise<void> {}

  /** Nothing to close: the relay has the connection. */
  close(): void {}

  /** @throws {OutboxUnsupportedError} always */
  get status(): never {
    throw unsupported('status: there is no connection here. Ask that of the publisher');
  }

  /** @throws {OutboxUnsupportedError} always */
  on(): never {
    throw unsupported('on(): there is no connection here to listen to');
  }

  /** @throws {OutboxUnsupportedError} always */
  unwrap(): never {
    throw unsupported('unwrap(): there is no connection in here');
  }

  #toMessage(pattern: unknown, given: unknown): OutboundMessage {
    const { queue, exchange, envelope = 'nest', headers, key } = this.options;
    const problems: string[] = [];
    const { data, options } = isRecord(given) ? given : { data: given, options: {} };
    const { type, ...fields } = fromPublishOptions(options ?? {}, problems);
    if (type !== undefined)
      problems.push(
        'type: it is the pattern here. Leave it out, or publish this message past the outbox.',
      );
    if (pattern === undefined || pattern === null) problems.push('the pattern is missing.');
    if (data === undefined || data === null) problems.push('the data is missing.');
    const isJson = fields.contentType === undefined || fields.contentType === 'application/json';
    if (envelope === 'nest' && !isJson) {
      problems.push(`contentType: the envelope of Nest is JSON. Leave it out.`);
    }
    if (problems.length > 0) throw new OutboxMessageInvalidError(problems);
    return {
      ...fields,
      type: typeof pattern === 'string' ? pattern : JSON.stringify(pattern),
      headers: { ...headers, ...fields.headers },
      ...(queue === undefined ? {} : { exchange: '', routingKey: queue }),
      ...(exchange === undefined ? {} : { exchange }),
      ...(key ? { key: key(pattern, data) } : {}),
      ...(envelope === 'nest'
        ? { payload: { pattern, data }, contentType: NEST_PACKET }
        : { payload: data }),
    };
  }
}

/**
 * A provider that gives an `OutboxClientProxy` to whoever injects `token`: put it into `providers` of the module that had the
 * client of that name from `ClientsModule`.
 *
 * @param outbox token of the outbox; the default one's by default
 */
export function provideOutboxClientProxy(
  token: InjectionToken,
  options: OutboxClientProxyOptions = {},
  outbox: InjectionToken = Outbox,
): FactoryProvider<OutboxClientProxy> {
  return {
    provide: token,
    inject: [outbox],
    useFactory: (found: Outbox) => new OutboxClientProxy(found, options),
  };
}

interface NestRecord {
  readonly data: unknown;
  readonly options?: object | undefined;
}

/** Told by its name, as Nest is no dependency: `RmqRecordBuilder.build()` makes it. */
function isRecord(data: unknown): data is NestRecord {
  return (data as object | null | undefined)?.constructor?.name === 'RmqRecord';
}

function unsupported(what: string): OutboxUnsupportedError {
  return new OutboxUnsupportedError(`OutboxClientProxy.${what}.`);
}
