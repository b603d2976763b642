import { randomUUID } from 'node:crypto';
import { virtualHostIn, type VirtualHost } from '../core/virtual-host.js';
import type { AmqpDeclaringChannelLike } from './amqp-like.js';
import { codeOf, REFUSED } from './broker-words.js';

/**
 * Where a connection leads. The broker is asked for a queue that nobody has, and closes the channel with its answer.
 *
 * @throws what the broker does not answer with
 */
export async function askVirtualHost(
  channel: Pick<AmqpDeclaringChannelLike, 'checkQueue'>,
  { connection }: { readonly connection?: unknown },
): Promise<VirtualHost> {
  const { serverProperties } = (connection ?? {}) as {
    readonly serverProperties?: { readonly cluster_name?: unknown };
  };
  const cluster = serverProperties?.cluster_name;
  return {
    cluster: typeof cluster === 'string' ? cluster : undefined,
    name: await nameBy(channel),
  };
}

async function nameBy(
  channel: Pick<AmqpDeclaringChannelLike, 'checkQueue'>,
): Promise<string | undefined> {
  try {
    await channel.checkQueue(`nest-rabbitmq-where.${randomUUID()}`);
    return undefined;
  } catch (error) {
    if (codeOf(error) !== REFUSED.notFound) throw error;
    return virtualHostIn((error as Error).message);
  }
}
