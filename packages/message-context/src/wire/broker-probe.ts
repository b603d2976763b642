/** What a broker answers when it is asked whether messages could be published now. */
export interface BrokerAnswers {
  /** Why it cannot be asked at all; nothing else is known then. */
  readonly unreachable?: Error | undefined;
  /** Of each exchange that cannot be published to, why: the broker's own words. */
  readonly exchanges: ReadonlyMap<string, Error>;
  /** Whether it confirms a message. `'blocked'`: it has blocked publishers, because of an alarm. */
  readonly confirms: 'yes' | 'blocked' | 'no';
  /** Why it does not, as far as that is known. */
  readonly reason?: string | undefined;
}

/**
 * Asks a broker, on a connection of its own, whether these exchanges can be published to and whether a message is confirmed.
 * `''` is the broker's default exchange. Publishes one message, to nobody. Never rejects.
 */
export type BrokerProbe = (exchanges: readonly string[]) => Promise<BrokerAnswers>;
