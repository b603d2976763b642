import { PublishError } from '@acme/nest-message-context';
import type { AmqpConnectionLike } from './amqp-like.js';
import { codeOf, REFUSED } from './broker-words.js';

/** How long a missing exchange is believed to be missing. */
const MISSING_FOR_MS = 5_000;

/**
 * Looks for an exchange before the first message goes there: publishing to a missing one closes the channel, and with it goes
 * everything that is under way to all the others.
 */
export class ExchangeCheck {
  readonly #present = new Set<string>(['']);
  readonly #missing = new Map<string, { readonly problem: PublishError; readonly until: number }>();
  readonly #asking = new Map<string, Promise<PublishError | undefined>>();

  constructor(private readonly connection: AmqpConnectionLike) {}

  /** Whether the broker has said that it is there. */
  isPresent(exchange: string): boolean {
    return this.#present.has(exchange);
  }

  /** Undefined when messages may go there. */
  problem(exchange: string): PublishError | undefined | Promise<PublishError | undefined> {
    if (this.#present.has(exchange)) return undefined;
    const missing = this.#missing.get(exchange);
    if (missing && missing.until > performance.now()) return missing.problem;
    let asking = this.#asking.get(exchange);
    if (!asking) {
      asking = this.#ask(exchange).finally(() => this.#asking.delete(exchange));
      this.#asking.set(exchange, asking);
    }
    return asking;
  }

  async #ask(exchange: string): Promise<PublishError | undefined> {
    // A channel of its own: a negative answer closes it.
    const channel = await this.connection.createChannel();
    channel.on('error', () => {});
    try {
      await channel.checkExchange(exchange);
      this.#present.add(exchange);
      await channel.close();
      return undefined;
    } catch (cause) {
      if (!isChannelError(cause)) throw cause;
      const problem = new PublishError(
        'EXCHANGE_UNAVAILABLE',
        `The exchange "${exchange}" cannot be published to: ${(cause as Error).message}. Declare it before messages are added for it.`,
        { cause },
      );
      this.#missing.set(exchange, { problem, until: performance.now() + MISSING_FOR_MS });
      return problem;
    }
  }
}

/** The broker's own answer (404 not found, 403 refused), not a lost connection. */
function isChannelError(error: unknown): boolean {
  const code = codeOf(error);
  return code === REFUSED.notFound || code === REFUSED.access;
}
