import { Inject, Injectable, Logger } from '@nestjs/common';
import { DiscoveryService, ModulesContainer } from '@nestjs/core';
import { ClientAdoption } from '../consumers/client-adoption.js';
import type { BrokerFacts } from '../core/broker-facts.js';
import { Attempts } from '../crashes/attempts.js';
import { ownPolicyOf } from '../policy/decorators.js';
import { factsOf } from '../publisher/broker-words.js';
import { ConfirmedSender } from '../publisher/confirmed-sender.js';
import { isRabbitMqError, RabbitMqConfigurationError } from '../rabbitmq.errors.js';
import type { RabbitMqSettings } from '../rabbitmq.options.js';
import { RABBITMQ_SETTINGS } from '../rabbitmq.tokens.js';
import { BrokerSettlement } from '../settlement/broker-settlement.js';
import type { ModuleTopology } from '../topology/module-topology.js';
import { Topology } from '../topology/topology.js';
import { bootProblems } from './boot-problems.js';
import { bootTable, uncountedQueues } from './boot-table.js';
import { methodsOfApplication, plannedHandlers, type PlannedHandler } from './planned-handlers.js';

/** What is looked at, declared and said before the first message is handled. */
@Injectable()
export class Boot {
  #handlers: readonly PlannedHandler[] = [];

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ClientAdoption) private readonly clients: ClientAdoption,
    @Inject(ConfirmedSender) private readonly sender: ConfirmedSender,
    @Inject(BrokerSettlement) private readonly settlement: BrokerSettlement,
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
    await this.sender.prepare();
    try {
      await this.#check();
      await this.topology.atBoot();
      await this.#declare();
    } catch (error) {
      // That there is no broker now, or none any more, is no error: what is missing is declared when a message fails.
      if (!isRabbitMqError(error) && !(error instanceof TypeError)) return;
      // Nobody closes an application that did not start.
      await this.sender.close();
      throw error;
    }
  }

  /** Writes down what was resolved for each handler. */
  announce(): void {
    const log = new Logger('RabbitMqModule');
    const { areKept } = this.attempts;
    const table = bootTable(this.#handlers, this.settings, areKept);
    if (table) log.log(`Consuming:\n${table}`);
    const uncounted = areKept ? undefined : uncountedQueues(this.#handlers);
    if (uncounted) log.warn(uncounted);
  }

  async #check(): Promise<void> {
    const methods = methodsOfApplication(this.discovery);
    const { servers } = this.clients;
    this.#handlers = plannedHandlers(methods, this.clients);
    const facts = await this.#facts();
    // Each has a Boot of its own.
    const imports = [...this.modules.values()].filter(({ providers }) =>
      providers.has(Boot),
    ).length;
    const handlers = this.#handlers;
    const problems = bootProblems({ imports, methods, handlers, servers, facts });
    if (problems.length > 0) throw new RabbitMqConfigurationError(problems);
  }

  #facts(): Promise<BrokerFacts | undefined> {
    return this.sender
      .onChannel(async (_channel, connection) => factsOf(connection))
      .catch(() => undefined);
  }

  /** For what has a policy of its own; for all else it is declared when the first message fails. */
  async #declare(): Promise<void> {
    for (const queue of this.settings.queues) await this.settlement.declare(queue);
    for (const { queue, found, kind, hasOwnFailurePolicy } of this.#handlers) {
      // The retries of requests do not go by the broker.
      const hasRetries = kind !== 'request' && kind !== 'golevelup-rpc' && !hasOwnFailurePolicy;
      if (hasRetries && queue !== '' && ownPolicyOf(found))
        await this.settlement.declare(queue, this.settings.policyOf(queue, found));
    }
  }
}
