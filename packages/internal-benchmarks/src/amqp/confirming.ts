import { randomUUID } from 'node:crypto';
import { connect, type ConfirmChannel, type Options } from 'amqplib';

/** A connection with a confirm channel: what every subject but ours publishes by. */
export interface Confirming {
  /** Sends without waiting; `done` is called with the broker's answer. */
  send(content: Buffer, messageId: string, done: (error: unknown) => void): void;
  /** Resolves with the confirm. */
  publish(content: Buffer, messageId?: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * The properties are those that our publisher sets: every subject's messages have the same size on the wire.
 *
 * @param type undefined: the body says it
 */
export async function confirming(
  amqpUrl: string,
  queue: string,
  type: string | undefined,
): Promise<Confirming> {
  const connection = await connect(amqpUrl);
  const channel: ConfirmChannel = await connection.createConfirmChannel();
  const send: Confirming['send'] = (content, messageId, done) =>
    void channel.publish('', queue, content, propertiesOf(type, messageId), done);
  return {
    send,
    publish: (content, messageId = randomUUID()) =>
      new Promise((resolve, reject) =>
        send(content, messageId, (error) =>
          error ? reject(new Error('The broker refused a message.', { cause: error })) : resolve(),
        ),
      ),
    close: () => connection.close(),
  };
}

const propertiesOf = (type: string | undefined, messageId: string): Options.Publish => ({
  persistent: true,
  mandatory: true,
  messageId,
  ...(type === undefined ? {} : { type }),
  contentType: 'application/json',
  timestamp: Math.floor(Date.now() / 1_000),
  headers: { 'idempotency-key': messageId },
});
