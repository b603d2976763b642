import { show } from '@acme/nest-message-context/kit';
import type { AmqpConnectionLike, AmqpConnectionManagerLike } from './amqp-like.js';
import type { FrameDefaults } from './amqp-frame.js';
import { AmqpPublisher, type AmqpPublishingOptions } from './amqp-publisher.js';
import { ConnectionLender } from './borrowed-connection.js';
import { isClientRmq, type ClientRmqLike } from './client-like.js';

/** Options of `ClientRmqPublisher`. By default `exchange` is where `client.emit()` sends, and `envelope` is `'nest'`. */
export interface ClientRmqPublisherOptions extends AmqpPublishingOptions {
  /** The injected client of `Transport.RMQ`. It stays the application's, which closes it. */
  readonly client: ClientProxyLike;
}

/** What `ClientsModule` provides, whatever its transport. */
interface ClientProxyLike {
  connect(): Promise<unknown>;
}

/**
 * Publishes where `client.emit()` of a `ClientProxy` for RabbitMQ would, in the same envelope, over the client's connection; but
 * with confirms and `mandatory`, persistent, with message id and headers, on a channel of its own: `emit()` itself calls a
 * message sent that no queue got, and keeps in memory, and sends by itself later, what it failed to send.
 */
export class ClientRmqPublisher extends AmqpPublisher {
  readonly #lender: ConnectionLender;

  /** @throws {PublisherConfigurationError} listing every wrong option */
  constructor(options: ClientRmqPublisherOptions) {
    const client = (options as Partial<ClientRmqPublisherOptions> | undefined)?.client;
    const rmq = isClientRmq(client) ? client : undefined;
    const lender = new ConnectionLender(() => rmq && managerOf(rmq));
    super(
      {
        publisher: 'ClientRmqPublisher',
        example: '{ client }',
        options: ['client'],
        envelope: 'nest',
        connect: () => connect(rmq as ClientRmqLike, lender),
        problems: rmq ? problemsOf(rmq, options) : [misfitOf(client)],
        defaults: rmq && defaultsOf(rmq, options),
      },
      options,
    );
    this.#lender = lender;
  }

  override async close(): Promise<void> {
    await super.close();
    this.#lender.end();
  }
}

async function connect(
  client: ClientRmqLike,
  lender: ConnectionLender,
): Promise<AmqpConnectionLike> {
  // A client that has failed once may answer with that for ever though its manager has connected since.
  const connecting = client.connect().catch(() => {});
  if (!managerOf(client)?.connection) await connecting;
  return lender.borrow();
}

function managerOf(client: ClientRmqLike): AmqpConnectionManagerLike | undefined {
  try {
    return client.unwrap() as AmqpConnectionManagerLike;
  } catch {
    // Before the first connect(), and between a failed one and the next.
    return undefined;
  }
}

function misfitOf(client: unknown): string {
  return `client: ${show(client)} is no ClientProxy of Transport.RMQ. Give the injected one: forRootAsync({ inject: ['ORDERS'], useFactory: (client) => … }); another transport's is for ClientProxyPublisher of @acme/nest-outbox.`;
}

function problemsOf(client: ClientRmqLike, { envelope = 'nest' }: AmqpPublishingOptions): string[] {
  const problems: string[] = [];
  if (client.options?.serializer && envelope === 'nest') {
    problems.push(
      "client: has a serializer of its own, so what it sends is not the envelope of Nest, and a message that is bytes already cannot be given to it. Leave the serializer out, or give envelope: 'plain'.",
    );
  }
  const own = ownWayOf(client);
  if (own) {
    problems.push(
      `client: ${own} is not that of Nest's ClientRMQ, and messages are not sent through it here. Publish with RabbitMqPublisher, and say there where to.`,
    );
  }
  return problems;
}

/** Where a subclass sends in a way of its own, which would be passed over without a word. */
function ownWayOf(client: ClientRmqLike): string | undefined {
  let prototype = Object.getPrototypeOf(client) as object | null;
  while (prototype && prototype.constructor.name !== 'ClientRMQ') {
    const { name } = prototype.constructor;
    for (const method of ['emit', 'dispatchEvent']) {
      if (Object.hasOwn(prototype, method)) return `${name}.${method}()`;
    }
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return undefined;
}

function defaultsOf(
  { queue, options = {} }: ClientRmqLike,
  { exchange }: AmqpPublishingOptions,
): Partial<FrameDefaults> {
  const { headers } = options;
  if (exchange !== undefined) return { headers };
  const toExchange = options.wildcards === true || options.exchangeType === 'fanout';
  return toExchange
    ? { headers, exchange: options.exchange ?? queue }
    : { headers, exchange: '', routingKey: queue };
}
