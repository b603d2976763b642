import { codeOf, REFUSED } from '../publisher/broker-words.js';
import { exchangeAsDeclared, queueAsDeclared } from '../topology/as-declared.js';
import type { Wanted } from '../topology/wanted.js';
import type { ConsumingChannelLike, QueueDeclaration } from './consuming-channel-like.js';

/** The part of a channel that declares. */
type DeclaringLike = Pick<ConsumingChannelLike, 'assertQueue' | 'bindQueue' | 'assertExchange'>;

interface Binding {
  readonly exchange: string;
  readonly key: string;
  readonly args: unknown;
}

/** How the application itself has declared and bound a queue. */
export interface SeenQueue {
  readonly declaration: QueueDeclaration | undefined;
  readonly bindings: readonly Binding[];
}

/** What was declared on one channel: whoever has declared a queue can have it declared again when somebody has deleted it. */
export class TopologySeen {
  readonly #queues = new Map<string, { declaration?: QueueDeclaration; bindings: Binding[] }>();

  /**
   * @param onRefused told of what is there already, and differs; the client library is told when that has resolved. Stock Nest does not wait
   * for the answer: the process ends with it
   */
  constructor(private readonly onRefused: (wanted: Wanted) => Promise<void> = async () => {}) {}

  /** From now on, of this channel. */
  watch(channel: DeclaringLike): void {
    const assertQueue = channel.assertQueue.bind(channel);
    const bindQueue = channel.bindQueue.bind(channel);
    const assertExchange = channel.assertExchange?.bind(channel);
    channel.assertQueue = async (queue, declaration) => {
      const ok = await assertQueue(queue, declaration).catch(async (error: unknown) => {
        if (isRefused(error)) await this.onRefused(queueAsDeclared(queue, declaration));
        throw error;
      });
      // Named by the server it cannot be declared again: such names are its own.
      if (queue !== '') this.#at(ok.queue).declaration = { ...declaration };
      return ok;
    };
    if (assertExchange)
      channel.assertExchange = async (exchange, type, declaration) => {
        try {
          return await assertExchange(exchange, type, declaration);
        } catch (error) {
          if (isRefused(error))
            await this.onRefused(exchangeAsDeclared(exchange, type, declaration));
          throw error;
        }
      };
    channel.bindQueue = async (queue, exchange, key, args) => {
      const ok = await bindQueue(queue, exchange, key, args);
      this.#at(queue).bindings.push({ exchange, key, args });
      return ok;
    };
  }

  /** Undefined: somebody else has declared it. */
  of(queue: string): SeenQueue | undefined {
    const seen = this.#queues.get(queue);
    return seen && { declaration: seen.declaration, bindings: seen.bindings };
  }

  #at(queue: string) {
    let seen = this.#queues.get(queue);
    if (!seen) this.#queues.set(queue, (seen = { bindings: [] }));
    return seen;
  }
}

/** Declares a queue as it was, with its bindings. */
export async function declareAgain(
  channel: DeclaringLike,
  queue: string,
  { declaration, bindings }: SeenQueue,
): Promise<void> {
  await channel.assertQueue(queue, declaration);
  for (const { exchange, key, args } of bindings)
    await channel.bindQueue(queue, exchange, key, args);
}

function isRefused(error: unknown): boolean {
  const code = codeOf(error);
  return code === REFUSED.preconditionFailed || code === REFUSED.locked;
}
