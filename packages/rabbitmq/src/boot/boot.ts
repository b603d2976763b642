import { Inject, Injectable, Logger } from '@nestjs/common';
import { DiscoveryService, ModulesContainer } from '@nestjs/core';
import { ClientAdoption } from '../consumers/client-adoption.js';
import type { BrokerFacts } from '../core/broker-facts.js';
import type { HopQueue } from '../core/hop-queues.js';
import { Attempts } from '../crashes/attempts.js';
import { ownPolicyOf } from '../policy/decorators.js';
import { factsOf } from '../publisher/broker-words.js';
import { isRabbitMqError, RabbitMqConfigurationError } from '../rabbitmq.errors.js';
import type { RabbitMqSettings } from '../rabbitmq.options.js';
import { RABBITMQ_SETTINGS } from '../rabbitmq.tokens.js';
import type { HopConnection } from '../settlement/hop-connection.js';
import { HopConnections } from '../settlement/hop-connections.js';
import { hopQueuesOf } from '../settlement/hop-queues-of.js';
import type { ModuleTopology } from '../topology/module-topology.js';
import { Topology } from '../topology/topology.js';
import { bootProblems, bootWarnings } from './boot-problems.js';
import { bootTable, uncountedQueues, unconsumedQueues } from './boot-table.js';
import {
  isSettledHere,
  methodsOfApplication,
  plannedHandlers,
  type PlannedHandler,
} from './planned-handlers.js';

/** What is looked at, declared and said before the first message is handled. */
@Injectable()
export class Boot {
  #handlers: readonly PlannedHandler[] = [];

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ClientAdoption) private readonly clients: ClientAdoption,
    @Inject(HopConnections) private readonly connections: HopConnections,
    @Inject(Topology) private readonly topology: ModuleTopology,
    @Inject(RABBITMQ_SETTINGS) private readonly settings: RabbitMqSettings,
    @Inject(Attempts) private readonly attempts: Attempts,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  /**
   * @throws {RabbitMqConfigurationError} with everything that would leave a message unprotected
   * @throws {TopologyMismatchError} when something is not there as it was declared
   * @throws {SettlingFailedError} when the broker refuses a wait queue or a dead-letter queue
   */
  async prepare(): Promise<void> {
    await this.clients.adoptGolevelup();
    await this.connections.prepare();
    try {
      await this.#check();
      await this.topology.atBoot();
      await this.#declare();
    } catch (error) {
      // That there is no broker now, or none any more, is no error: what is missing is declared when a message fails.
      if (!isRabbitMqError(error) && !(error instanceof TypeError)) return;
      // Nobody closes an application that did not start.
      await this.connections.close();
      throw error;
    }
  }

  /** Writes down what was resolved for each handler. */
  announce(): void {
    const log = new Logger('RabbitMqModule');
    const { areKept } = this.attempts;
    const table = bootTable(this.#handlers, this.settings, areKept);
    if (table) log.log(`Consuming:\n${table}`);
    const unconsumed = unconsumedQueues(this.#handlers, this.settings.queues);
    if (unconsumed) log.warn(unconsumed);
    const uncounted = areKept ? undefined : uncountedQueues(this.#handlers);
    if (uncounted) log.warn(uncounted);
  }

  async #check(): Promise<void> {
    const methods = methodsOfApplication(this.discovery);
    const { servers } = this.clients;
    this.#handlers = plannedHandlers(methods, this.clients);
    const leadingTo = await this.connections.look();
    // Each has a Boot of its own.
    const imports = [...this.modules.values()].filter(({ providers }) =>
      providers.has(Boot),
    ).length;
    const handlers = this.#handlers;
    const problems = bootProblems({ imports, methods, handlers, servers, leadingTo });
    if (problems.length > 0) throw new RabbitMqConfigurationError(problems);
    this.topology.elsewhere = this.#queuesElsewhere();
    const facts = await this.#facts();
    if (!facts) return;
    const log = new Logger('RabbitMqModule');
    for (const warning of bootWarnings({ handlers, servers }, facts)) log.warn(warning);
  }

  /** Of the first that is connected; undefined while there is no broker. */
  #facts(): Promise<BrokerFacts | undefined> {
    const asked = this.connections.all.map(({ sender }) =>
      sender.onChannel(async (_channel, connection) => factsOf(connection)),
    );
    return Promise.any(asked).catch(() => undefined);
  }

  /** Those of the options that are consumed only where another connection than the first leads. */
  #queuesElsewhere(): ReadonlySet<string> {
    const [first] = this.connections.all;
    return new Set(
      this.settings.queues.filter((queue) => {
        const leading = this.#connectionsOf(queue);
        return leading.size > 0 && !leading.has(first!);
      }),
    );
  }

  /** Those that lead where a queue of the options is consumed, as far as that is known. */
  #connectionsOf(queue: string): ReadonlySet<HopConnection> {
    const consumed = this.#handlers.filter((planned) => planned.queue === queue);
    const [only, ...more] = this.connections.all;
    // Somebody else consumes it, or declares what it takes.
    if (consumed.length === 0) return new Set(more.length === 0 ? [only!] : []);
    const leading = consumed.map(({ virtualHost }) => this.connections.at(virtualHost));
    return new Set(leading.filter((one) => one !== undefined));
  }

  /** For what has a policy of its own; for all else it is declared when the first message fails. */
  async #declare(): Promise<void> {
    const wanted = new Map<HopConnection, HopQueue[]>(
      this.connections.all.map((connection) => [connection, []]),
    );
    for (const queue of this.settings.queues)
      for (const connection of this.#connectionsOf(queue))
        wanted.get(connection)!.push(...hopQueuesOf(queue, this.settings.policyOf(queue)));
    for (const planned of this.#handlers) {
      const { queue, found, kind, virtualHost } = planned;
      // The retries of requests do not go by the broker.
      const hasRetries = isSettledHere(planned) && kind !== 'golevelup-rpc';
      const connection = this.connections.at(virtualHost);
      if (connection && hasRetries && queue !== '' && ownPolicyOf(found))
        wanted.get(connection)!.push(...hopQueuesOf(queue, this.settings.policyOf(queue, found)));
    }
    await Promise.all([...wanted].map(([connection, queues]) => declareAll(connection, queues)));
  }
}

async function declareAll({ publisher }: HopConnection, queues: HopQueue[]): Promise<void> {
  try {
    for (const queue of queues) await publisher.declare(queue);
  } catch (error) {
    // That one is not connected is no reason to leave out what belongs to another.
    if (isRabbitMqError(error) || error instanceof TypeError) throw error;
  }
}
