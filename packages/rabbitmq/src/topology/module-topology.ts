import type { BrokerFacts } from '../core/broker-facts.js';
import { InterruptedError, isRabbitMqError } from '../rabbitmq.errors.js';
import type { RabbitMqSettings } from '../rabbitmq.options.js';
import { hopQueuesOf } from '../settlement/hop-queues-of.js';
import { Topology } from './topology.js';
import type { TopologyPlan, WantedTopology } from './topology.types.js';
import { everyWanted, type Wanted } from './wanted.js';

/** That of an application: what its options declare, and what belongs to the queues that they name. */
export class ModuleTopology extends Topology {
  readonly #settings: RabbitMqSettings;
  /** Queues of the options that are in another virtual host than the first, which this is about. */
  elsewhere: ReadonlySet<string> = new Set();

  constructor(settings: RabbitMqSettings) {
    const {
      connects: [connect],
      publishTimeoutMs,
      topology,
    } = settings;
    super({ connect, timeout: publishTimeoutMs, ...topology.wanted });
    this.#settings = settings;
  }

  /**
   * What is to be done at boot.
   *
   * @throws {TopologyMismatchError} when it is not as wanted
   * @throws {InterruptedError} when there is no broker, or it does not answer
   */
  async atBoot(): Promise<TopologyPlan | undefined> {
    const { mode } = this.#settings.topology;
    if (mode === 'off') return undefined;
    try {
      return await this[mode]();
    } catch (error) {
      // Started all the same, it would consume from what nobody has looked at.
      throw isRabbitMqError(error) ? error : unseen(error);
    }
  }

  protected override wanted(topology: WantedTopology, facts: BrokerFacts): Wanted[] {
    const settings = this.#settings;
    const hops = settings.queues
      .filter((queue) => !this.elsewhere.has(queue))
      .flatMap((queue) => hopQueuesOf(queue, settings.policyOf(queue)));
    const byName = new Map(hops.map((hop) => [hop.name, hop]));
    return everyWanted(topology, [...byName.values()], facts);
  }
}

function unseen(cause: unknown): InterruptedError {
  const said = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new InterruptedError(
    `The topology could not be looked at: ${said}. With topology.mode: 'off' the application starts without.`,
    { cause },
  );
}
