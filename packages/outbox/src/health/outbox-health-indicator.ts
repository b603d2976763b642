import type { OutboxStatus } from '../contracts/messages.js';
import type { OutboxStore } from '../contracts/outbox-store.js';
import { OptionsCheck, type Duration } from '@acme/nest-message-context/kit';
import { errorCodeOf } from '../observability/error-code.js';
import { OutboxConfigurationError } from '../outbox.errors.js';
import type { RelayOptions } from '../outbox.options.js';
import { answerWithin } from '../relay/answer-within.js';
import type { OutboxRelay } from '../relay/outbox-relay.js';

/** What counts as unhealthy. */
export interface OutboxHealthOptions {
  /**
   * How old the oldest message may be that could be published now.
   * @default '5m'
   */
  readonly maxAge?: Duration | undefined;
  /**
   * For how long the broker may not answer the relay of this process.
   * @default '1m'
   */
  readonly maxBrokerOutage?: Duration | undefined;
  /**
   * How long the database may take to answer.
   * @default '3s'
   */
  readonly timeout?: Duration | undefined;
}

/** How an outbox is, as seen from this process. */
export interface OutboxHealthReport extends Partial<
  Pick<OutboxStatus, 'pending' | 'oldestAgeMs' | 'delayed' | 'waiting' | 'blocked' | 'parked'>
> {
  readonly status: 'up' | 'down';
  /** Why it is down, in words; missing while it is up. */
  readonly problems?: readonly string[];
  /** `off` where this process is not to relay. */
  readonly relay: 'running' | 'stopped' | 'off';
  /** For how many milliseconds the broker has not answered the relay; missing while it does. */
  readonly brokerDownMs?: number;
}

/** The report under its key, as `@nestjs/terminus` takes it. */
export type OutboxHealthResult<Key extends string = string> = Readonly<
  Record<Key, OutboxHealthReport>
>;

/**
 * Says whether the outbox does its work, for `@nestjs/terminus` or anything else that asks:
 *
 *     this.health.check([() => this.outboxHealth.isHealthy('outbox', { maxAge: '2m' })]);
 *
 * For readiness and alarms. Restarting a process cures no broker: do not make it the liveness of a container.
 */
export class OutboxHealthIndicator {
  /** @internal Made by `OutboxModule`. */
  constructor(
    private readonly store: OutboxStore,
    private readonly relay: Pick<OutboxRelay, 'isRunning' | 'brokerDownMs'>,
    private readonly mode: NonNullable<RelayOptions['mode']>,
  ) {}

  /**
   * Down when the relay of this process is to run and does not, gets no answer of the broker for too long, when the oldest
   * message is too old, or when the database does not answer. Parked messages, and those of keys that wait, are only counted.
   *
   * @throws {OutboxConfigurationError} when an option is wrong
   */
  async isHealthy<const Key extends string = 'outbox'>(
    key: Key = 'outbox' as Key,
    options: OutboxHealthOptions = {},
  ): Promise<OutboxHealthResult<Key>> {
    const limits = resolve(options);
    const { brokerDownMs, isRunning } = this.relay;
    const relay = isRunning ? 'running' : this.mode === 'off' ? 'off' : 'stopped';
    const problems: string[] = [];
    if (relay === 'stopped')
      problems.push('The relay of this process does not run: nothing is published from here.');
    if (brokerDownMs !== undefined && brokerDownMs > limits.brokerOutageMs)
      problems.push(`The broker has not answered for ${seconds(brokerDownMs)}.`);
    const contents = await this.#contents(limits, problems);
    const report: OutboxHealthReport = {
      status: problems.length === 0 ? 'up' : 'down',
      ...(problems.length > 0 && { problems }),
      relay,
      ...(brokerDownMs !== undefined && { brokerDownMs: Math.round(brokerDownMs) }),
      ...contents,
    };
    return { [key]: report } as OutboxHealthResult<Key>;
  }

  async #contents({ timeoutMs, ageMs }: Limits, problems: string[]) {
    try {
      const status = await answerWithin(timeoutMs, this.store.operations.status());
      const { pending, delayed, waiting, blocked, parked } = status;
      const oldestAgeMs = Math.round(status.oldestAgeMs);
      if (oldestAgeMs > ageMs)
        problems.push(
          `The oldest message has been waiting for ${seconds(oldestAgeMs)}: see whether a relay runs.`,
        );
      return { pending, oldestAgeMs, delayed, waiting, blocked, parked };
    } catch (error) {
      // Not its message: it may tell where the database is, and whoever may ask for health need not know.
      problems.push(`The database does not answer (${errorCodeOf(error)}).`);
      return {};
    }
  }
}

interface Limits {
  readonly ageMs: number;
  readonly brokerOutageMs: number;
  readonly timeoutMs: number;
}

function resolve(options: OutboxHealthOptions): Limits {
  const check = new OptionsCheck();
  check.known('', options, ['maxAge', 'maxBrokerOutage', 'timeout']);
  const limits = {
    ageMs: check.duration('maxAge', options.maxAge, '5m'),
    brokerOutageMs: check.duration('maxBrokerOutage', options.maxBrokerOutage, '1m'),
    timeoutMs: check.timeout('timeout', options.timeout, '3s'),
  };
  if (check.problems.length > 0)
    throw new OutboxConfigurationError(check.problems, 'OutboxHealthIndicator.isHealthy()');
  return limits;
}

const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`;
