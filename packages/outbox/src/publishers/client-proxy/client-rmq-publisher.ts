import type { AmqpConnectionLike, AmqpConnectionManagerLike } from '../amqp/amqp-like.js';
import type { FrameDefaults } from '../amqp/amqp-frame.js';
import {
  AmqpPublisher,
  type AmqpPublishingOptions,
  type AmqpSource,
} from '../amqp/amqp-publisher.js';
import { ConnectionLender } from '../amqp/borrowed-connection.js';
import type { ClientRmqLike } from './client-like.js';

/** Sends where `client.emit()` would, over the client's connection. */
export class ClientRmqPublisher extends AmqpPublisher {
  readonly #lender: ConnectionLender;

  constructor(
    client: ClientRmqLike,
    options: AmqpPublishingOptions,
    own: Pick<AmqpSource, 'publisher' | 'example' | 'options'>,
  ) {
    const lender = new ConnectionLender(() => managerOf(client));
    super(
      {
        ...own,
        envelope: 'nest',
        connect: () => connect(client, lender),
        problems: problemsOf(client, options),
        defaults: defaultsOf(client, options),
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
