import type { AmqpChannelLike } from './amqp-like.js';

/** Does something on a channel of its own, which is closed afterwards; the broker may have closed it for what it refuses. */
export async function onOwnChannel<Channel extends AmqpChannelLike, T>(
  connection: { createChannel(): Promise<Channel> },
  work: (channel: Channel) => Promise<T>,
): Promise<T> {
  const channel = await connection.createChannel();
  // Whoever asked is told by the answer.
  channel.on('error', () => {});
  try {
    return await work(channel);
  } finally {
    // It may be closed already: then it says so, by an error or by a rejection.
    await Promise.resolve()
      .then(() => channel.close())
      .catch(() => {});
  }
}
