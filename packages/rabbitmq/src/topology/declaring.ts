import type { DeclaredAs } from '../core/declaration-differences.js';
import type { AmqpTakingChannelLike } from '../publisher/amqp-like.js';
import { codeOf, REFUSED } from '../publisher/broker-words.js';
import type { Wanted } from './wanted.js';

/** The broker's own words for what it does not do; the connection goes on. */
export interface Refusal {
  readonly code: number;
  readonly words: string;
}

type Channel = AmqpTakingChannelLike;

/** Whether it is there, without creating it. The channel is closed where it says no. */
export function lookFor(channel: Channel, kind: Wanted['kind'], name: string) {
  return refusalOf(() =>
    kind === 'queue' ? channel.checkQueue(name) : channel.checkExchange(name),
  );
}

/** Declares it; what is there already has to be the same. The channel is closed where it is not. */
export function declareAs(channel: Channel, { kind, name }: Wanted, as: DeclaredAs) {
  const { type, durable, auto_delete: autoDelete, exclusive, internal, ...rest } = as;
  const args = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const options = { durable: durable === true, autoDelete: autoDelete === true, arguments: args };
  return refusalOf(() =>
    kind === 'queue'
      ? channel.assertQueue(name, { ...options, exclusive: exclusive === true })
      : channel.assertExchange(name, String(type), { ...options, internal: internal === true }),
  );
}

const ANSWERS: readonly (number | undefined)[] = Object.values(REFUSED);

/** Undefined where the broker does it. @throws what else goes wrong */
export async function refusalOf(work: () => PromiseLike<unknown>): Promise<Refusal | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined || !ANSWERS.includes(code)) throw error;
    return { code, words: wordsOf(error) };
  }
}

/** Without what the client library puts around them. */
function wordsOf(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  return /with message "(.*)"$/s.exec(said)?.[1] ?? said;
}
