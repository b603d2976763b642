import { Inject, Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, MiddlewareConsumer, OnModuleInit } from '@nestjs/common';
import { DiscoveryService, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { Contexts } from '../context/contexts.js';
import { GolevelupDriver } from '../delivery/golevelup-driver.js';
import { NestRmqDriver } from '../delivery/nest-rmq-driver.js';
import { LocalHold } from '../delivery/settle-driver.js';
import { RESOLVED_OPTIONS } from '../message-context.tokens.js';
import type { ResolvedMessageContextOptions } from '../message-context.options.js';
import { deadLetterWarning } from './dead-letter-check.js';
import { checkAtBoot } from './boot-check.js';
import { isFallback } from './fallback.interceptor.js';
import {
  installGolevelupDoor,
  isGolevelupConnection,
  type GolevelupConnectionLike,
} from './golevelup-door.js';
import { installHttpDoor, type HttpAdapterLike } from './http-door.js';
import { hasRpcDoor, installRpcDoor, type RpcServerLike } from './rpc-door.js';

/** Puts the transport doors of one application in place. */
@Injectable()
export class Doors implements OnModuleInit, BeforeApplicationShutdown {
  readonly #hold = new LocalHold();
  readonly #logger = new Logger('MessageContext');
  /** Every microservice server of this application, as Nest announces them. */
  readonly #servers = new Set<RpcServerLike>();

  constructor(
    @Inject(Contexts) private readonly contexts: Contexts,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedMessageContextOptions,
    @Inject(HttpAdapterHost) private readonly http: HttpAdapterHost,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
  ) {
    // Nest announces servers since 11.1; before, only those given to attachMessageContext are known.
    this.modules
      .getRpcTargetRegistry?.<RpcServerLike>()
      .subscribe((server) => this.#servers.add(server));
    this.openHttp();
  }

  /** The HTTP door, at the earliest moment there is an adapter: before body parsers, so that a 400 of theirs carries the id. */
  openHttp(): void {
    const adapter = this.http.httpAdapter as HttpAdapterLike | undefined;
    if (adapter && ['express', 'fastify'].includes(adapter.getType())) {
      installHttpDoor(adapter, {
        contexts: this.contexts,
        echoCorrelationId: this.options.echoCorrelationId,
      });
    }
  }

  /** Called while the HTTP application initialises, before its routes are registered. */
  configureHttp(_consumer: MiddlewareConsumer): void {
    this.openHttp();
    if ([...this.#servers].every(hasRpcDoor)) this.dropFallback();
  }

  /**
   * The door of one microservice; must be in place before its listeners are registered. Returns false when it was there.
   */
  openRpc(server: RpcServerLike): boolean {
    this.#servers.add(server);
    if (hasRpcDoor(server)) return false;
    const driver = new NestRmqDriver(this.#hold, this.#logger);
    installRpcDoor(server, { contexts: this.contexts, driver });
    return true;
  }

  /** Where every transport has a door the fallback would only cost. Other applications of the process keep theirs. */
  dropFallback(): void {
    for (const { injectables } of this.modules.values()) {
      for (const token of injectables.keys()) if (isFallback(token)) injectables.delete(token);
    }
  }

  async onModuleInit(): Promise<void> {
    const connections = this.discovery
      .getProviders()
      .map(({ instance }) => instance as unknown)
      .filter(isGolevelupConnection);
    if (connections.length > 0) await this.openGolevelup(connections);
    checkAtBoot({ discovery: this.discovery, servers: this.#servers });
    for (const server of this.#servers) this.warnAboutDeadLetters(server);
  }

  beforeApplicationShutdown(): void {
    this.#hold.release();
  }

  private warnAboutDeadLetters({ noAck, queue, queueOptions }: RpcServerLike): void {
    const warning = noAck === false && deadLetterWarning(queue ?? '', queueOptions);
    if (warning) this.#logger.warn(warning);
  }

  private async openGolevelup(connections: readonly GolevelupConnectionLike[]): Promise<void> {
    // Only here, so that a service without golevelup does not need it. It recognises no Nack but its own.
    const { Nack } = await import('@golevelup/nestjs-rabbitmq');
    const driver = new GolevelupDriver({
      nack: (requeue) => new Nack(requeue),
      hold: this.#hold,
      log: this.#logger,
    });
    connections.forEach((connection) =>
      installGolevelupDoor(connection, {
        contexts: this.contexts,
        driver,
        warn: (text) => this.#logger.warn(text),
      }),
    );
  }
}
