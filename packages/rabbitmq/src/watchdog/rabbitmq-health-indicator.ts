import { OptionsCheck, type Duration } from '@acme/nest-message-context/kit';
import { Inject, Injectable } from '@nestjs/common';
import { Consumers } from '../consumers/consumers.js';
import { RabbitMqConfigurationError } from '../rabbitmq.errors.js';

/** What counts as unhealthy. */
export interface RabbitMqHealthOptions {
  /**
   * For how long a queue may be without its consumer.
   * @default '30s'
   */
  readonly maxDetached?: Duration | undefined;
}

/** How the consumers of this process are. */
export interface RabbitMqHealthReport {
  readonly status: 'up' | 'down';
  /** Why it is down, in words; missing while it is up. */
  readonly problems?: readonly string[];
  /** Consumers that the broker knows. */
  readonly consumers: number;
  /** Queues that are not consumed at the moment. */
  readonly detached: readonly string[];
  /** Messages that are being handled. */
  readonly unsettled: number;
  /** Milliseconds since the oldest of them came in; missing while there is none. */
  readonly oldestUnsettledMs?: number;
}

/** The report under its key, as `@nestjs/terminus` takes it. */
export type RabbitMqHealthResult<Key extends string = string> = Readonly<
  Record<Key, RabbitMqHealthReport>
>;

/**
 * Says whether everything is consumed that is to be, for `@nestjs/terminus` or anything else that asks:
 *
 *     this.health.check([() => this.rabbitMqHealth.isHealthy('rabbitmq')]);
 *
 * A connection alone proves nothing: when the broker ends a consumer, the client library stays connected.
 */
@Injectable()
export class RabbitMqHealthIndicator {
  /** @internal Made by `RabbitMqModule`. */
  constructor(@Inject(Consumers) private readonly consumers: Consumers) {}

  /**
   * Down when a queue has been without its consumer for too long.
   *
   * @throws {RabbitMqConfigurationError} when an option is wrong
   */
  async isHealthy<const Key extends string = 'rabbitmq'>(
    key: Key = 'rabbitmq' as Key,
    options: RabbitMqHealthOptions = {},
  ): Promise<RabbitMqHealthResult<Key>> {
    const check = new OptionsCheck();
    check.known('', options, ['maxDetached']);
    const maxDetachedMs = check.duration('maxDetached', options.maxDetached, '30s');
    if (check.problems.length > 0)
      throw new RabbitMqConfigurationError(check.problems, 'RabbitMqHealthIndicator.isHealthy()');
    return { [key]: this.#report(maxDetachedMs) } as RabbitMqHealthResult<Key>;
  }

  #report(maxDetachedMs: number): RabbitMqHealthReport {
    const now = performance.now();
    const detached = this.consumers.queues.filter(
      ({ detachedSince }) => detachedSince !== undefined,
    );
    const problems = detached
      .filter(({ detachedSince = now }) => now - detachedSince > maxDetachedMs)
      .map(({ queue }) => `"${queue}" is not consumed.`);
    const unsettled = this.consumers.unsettled();
    const since = Math.min(...unsettled.map((one) => one.since));
    return {
      status: problems.length === 0 ? 'up' : 'down',
      ...(problems.length > 0 && { problems }),
      consumers: [...this.consumers].filter(({ status }) => status === 'attached').length,
      detached: detached.map(({ queue }) => queue),
      unsettled: unsettled.length,
      ...(unsettled.length > 0 && { oldestUnsettledMs: Math.round(now - since) }),
    };
  }
}
