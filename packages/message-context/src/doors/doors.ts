import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import type {
  BeforeApplicationShutdown,
  OnApplicationBootstrap,
  OnModuleInit,
} from '@nestjs/common';
import {
  DiscoveryService,
  ExternalContextCreator,
  HttpAdapterHost,
  ModulesContainer,
} from '@nestjs/core';
import { Contexts } from '../context/contexts.js';
import {
  GolevelupDriver,
  type GolevelupErrorHandler,
} from '../transports/golevelup/golevelup-driver.js';
import type { AmqpDeliveryLike } from '../transports/amqp/amqp-facts.js';
import { NestRmqDriver, queueOf } from '../transports/rpc/nest-rmq-driver.js';
import { GuardedSettlement } from '../delivery/guarded-settlement.js';
import { LocalSettlement } from '../delivery/local-settlement.js';
import { Settlement } from '../delivery/settlement.js';
import { GrpcAnswers } from '../transports/grpc/grpc-answers.js';
import { MessageContextConfigurationError } from '../message-context.errors.js';
import { RESOLVED_OPTIONS } from '../message-context.tokens.js';
import type { ResolvedMessageContextOptions } from '../message-context.options.js';
import { queueWarnings } from '../transports/amqp/queue-check.js';
import { Arrivals } from '../delivery/arrivals.js';
import { checkAtBoot, problemsOfServer } from './boot-check.js';
import { methodsOf } from './decorate.js';
import { orderedPatterns } from './ordered-patterns.js';
import { Gate } from '../transports/rpc/gate.js';
import {
  installGolevelupDoor,
  isGolevelupConnection,
  type GolevelupConnectionLike,
} from '../transports/golevelup/golevelup-door.js';
import {
  installHttpDoor,
  reenterBeforeRoutes,
  type HttpAdapterLike,
} from '../transports/http/http-door.js';
import { hasRpcDoor, installRpcDoor, type RpcServerLike } from '../transports/rpc/rpc-door.js';
import { RpcMethods } from '../transports/rpc/rpc-methods.js';
import { rememberMethods } from '../transports/golevelup/handler-methods.js';
import { observeThrownErrors } from '../transports/rpc/thrown-error-observer.js';

/** Puts the transport doors of one application in place. */
@Injectable()
export class Doors implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #logger = new Logger('MessageContext');
  readonly #settlement: Settlement;
  readonly #gate = new Gate((text) => this.#logger.warn(text));
  /** Every microservice server of this application, as Nest announces them. */
  readonly #servers = new Set<RpcServerLike>();
  #checked = false;

  constructor(
    @Inject(Contexts) private readonly contexts: Contexts,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedMessageContextOptions,
    @Inject(HttpAdapterHost) private readonly http: HttpAdapterHost,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ExternalContextCreator) private readonly externalContexts: ExternalContextCreator,
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Optional() @Inject(Settlement) settlement?: Settlement,
    @Optional() @Inject(GrpcAnswers) private readonly grpcAnswers?: GrpcAnswers,
  ) {
    this.#settlement = settlement
      ? new GuardedSettlement(settlement, this.#logger)
      : new LocalSettlement();
    if (typeof modules.getRpcTargetRegistry !== 'function')
      throw new MessageContextConfigurationError([
        'This version of @nestjs/core does not announce its microservices, so their messages would be unprotected. Update Nest to 11.1.4 or later.',
      ]);
    // Each is announced when it is created, and that is before its handlers are registered.
    modules.getRpcTargetRegistry<RpcServerLike>().subscribe((server) => this.openRpc(server));
    this.openHttp();
  }

  /** Called while an HTTP application initialises, when only its routes are missing. */
  beforeRoutes(): void {
    this.openHttp();
    const adapter = this.httpAdapter;
    if (adapter) reenterBeforeRoutes(adapter, this.httpParts);
  }

  async onModuleInit(): Promise<void> {
    const connections = this.discovery
      .getProviders()
      .map(({ instance }) => instance as unknown)
      .filter(isGolevelupConnection);
    if (connections.length > 0) await this.openGolevelup(connections);
    checkAtBoot({
      discovery: this.discovery,
      servers: this.#servers,
      httpAdapter: (this.http.httpAdapter as HttpAdapterLike | undefined)?.getType(),
    });
    this.#checked = true;
    for (const server of this.#servers) this.warnAboutQueue(server);
  }

  /** All modules have initialised. */
  onApplicationBootstrap(): void {
    this.#gate.open();
  }

  beforeApplicationShutdown(): void {
    this.#gate.close();
    this.#settlement.release();
  }

  /** The HTTP door, at the earliest moment there is an adapter: before body parsers, so that a 400 of theirs carries the id. */
  private openHttp(): void {
    const adapter = this.httpAdapter;
    if (adapter) installHttpDoor(adapter, this.httpParts);
  }

  /** Of a kind that has a door; handlers behind another one are refused at boot. */
  private get httpAdapter(): HttpAdapterLike | undefined {
    const adapter = this.http.httpAdapter as HttpAdapterLike | undefined;
    return adapter && HTTP_ADAPTERS.includes(adapter.getType()) ? adapter : undefined;
  }

  private get httpParts() {
    return { contexts: this.contexts, echoCorrelationId: this.options.echoCorrelationId };
  }

  private openRpc(server: RpcServerLike): void {
    this.#servers.add(server);
    if (hasRpcDoor(server)) return;
    for (const { metatype } of this.discovery.getControllers()) {
      if (!metatype) continue;
      const members = [...methodsOf(metatype.prototype as object).values()];
      observeThrownErrors(
        metatype,
        members.map(({ descriptor }) => descriptor.value as object),
      );
    }
    // One for all patterns: they share a queue, and what is said about one key may come by several of them.
    const arrivals = arrivalsOf(server);
    const ordered = orderedPatterns(this.discovery);
    installRpcDoor(server, {
      contexts: this.contexts,
      driver: new NestRmqDriver({
        settlement: this.#settlement,
        log: this.#logger,
        server,
      }),
      methods: () => new RpcMethods(controllersOf(this.discovery), server.transportId),
      gate: this.#gate,
      arrivalsFor: (pattern) => (ordered.has(pattern) ? arrivals : undefined),
      // At boot all servers are checked together; this is for those that come later.
      problems: () => (this.#checked ? problemsOfServer(server, this.discovery) : []),
      warn: (text) => this.#logger.warn(text),
      answers: this.grpcAnswers,
    });
  }

  private warnAboutQueue({ noAck, options, queue, queueOptions }: RpcServerLike): void {
    if (noAck !== false || (options?.noAssert ?? queueOptions?.noAssert)) return;
    for (const warning of queueWarnings(queue ?? '', queueOptions, this.#settlement))
      this.#logger.warn(warning);
  }

  private async openGolevelup(connections: readonly GolevelupConnectionLike[]): Promise<void> {
    // Only here, so that a service without golevelup does not need it. It recognises no Nack but its own.
    const { Nack, getHandlerForLegacyBehavior } = await import('@golevelup/nestjs-rabbitmq');
    const driver = new GolevelupDriver({
      nack: (requeue) => new Nack(requeue),
      settlement: this.#settlement,
      log: this.#logger,
    });
    const methodOf = rememberMethods(this.externalContexts);
    connections.forEach((connection) =>
      installGolevelupDoor(connection, {
        contexts: this.contexts,
        driver,
        methodOf,
        behaviorOf: getHandlerForLegacyBehavior as (behavior: unknown) => GolevelupErrorHandler,
        keepsParked: this.#settlement.keepsParked,
        warn: (text) => this.#logger.warn(text),
      }),
    );
  }
}

const HTTP_ADAPTERS: readonly string[] = ['express', 'fastify'];

/** Of each queue of a server: what comes from different ones has no order. */
function arrivalsOf(server: RpcServerLike): (delivery: object) => Arrivals {
  const byQueue = new Map<string | undefined, Arrivals>();
  return (delivery) => {
    const queue = queueOf(server, delivery as AmqpDeliveryLike);
    let arrivals = byQueue.get(queue);
    if (!arrivals) byQueue.set(queue, (arrivals = new Arrivals(queue)));
    return arrivals;
  };
}

const controllersOf = (discovery: DiscoveryService): object[] =>
  discovery.getControllers().map(({ instance }) => instance as object);
