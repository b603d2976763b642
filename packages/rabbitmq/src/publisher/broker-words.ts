import { brokerFactsOf, type BrokerFacts } from '../core/broker-facts.js';
import type { AmqpConnectionLike, AmqpDeclaringChannelLike } from './amqp-like.js';

/** Codes with which the broker refuses something and closes the channel. */
export const REFUSED = {
  access: 403,
  notFound: 404,
  locked: 405,
  preconditionFailed: 406,
} as const;

/**
 * Whether the broker says that it does not know a type of exchange. 3.10 ends the connection with it (503), 4.0 and later the
 * channel (406); the words are the same.
 */
export const isOfUnknownType = (words: string): boolean => words.includes('unknown exchange type');

/** Of the broker's own answer; undefined where a connection was lost. */
export function codeOf(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'number' ? code : undefined;
}

/** What client libraries say of a connection that the broker did not open, with what to look at. */
export function unopened(words: string): string {
  if (words.includes('Expected ConnectionOpenOk'))
    return `${words} (there is no such virtual host, or this user has no right to it)`;
  if (/\b403\b|ACCESS[-_]REFUSED/.test(words)) return `${words} (see user and password)`;
  return words;
}

/** What the broker at the other end does in its own way. */
export function factsOf(connection: Pick<AmqpConnectionLike, 'connection'>): BrokerFacts {
  const { serverProperties } = (connection.connection ?? {}) as { serverProperties?: unknown };
  return brokerFactsOf(serverProperties);
}

/** Whether there is such a queue; one that is somebody else's alone is there. The channel is closed where it says no. */
export async function queueExists(
  channel: Pick<AmqpDeclaringChannelLike, 'checkQueue'>,
  queue: string,
): Promise<boolean> {
  try {
    await channel.checkQueue(queue);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === REFUSED.notFound) return false;
    if (code === REFUSED.locked) return true;
    throw error;
  }
}
