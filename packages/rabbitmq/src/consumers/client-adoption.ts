import { Inject, Injectable } from '@nestjs/common';
import { DiscoveryService, ModulesContainer } from '@nestjs/core';
import { Consumers } from './consumers.js';
import { Drain } from './drain.js';
import {
  adoptGolevelupConnection,
  isGolevelupConsumingConnection,
  type GolevelupConsumingConnectionLike,
} from './golevelup-connections.js';
import {
  adoptGolevelupRequests,
  isGolevelupRequestingConnection,
} from '../rpc/golevelup-requests.js';
import { adoptNestServer, isNestRmqServer, type NestRmqServerLike } from './nest-servers.js';

/** Finds the client libraries of this application, and sees to their consumers. */
@Injectable()
export class ClientAdoption {
  readonly servers = new Set<NestRmqServerLike>();
  readonly connections = new Set<GolevelupConsumingConnectionLike>();

  constructor(
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(Consumers) private readonly consumers: Consumers,
    @Inject(Drain) private readonly drain: Drain,
  ) {
    // Each is announced when it is created, and that is before it consumes.
    modules.getRpcTargetRegistry<object>().subscribe((server) => {
      if (!isNestRmqServer(server) || this.servers.has(server)) return;
      this.servers.add(server);
      adoptNestServer(server, { consumers, drain });
    });
  }

  /** Before golevelup starts its consumers, which it does when all modules have initialised. */
  async adoptGolevelup(): Promise<void> {
    const parts = { consumers: this.consumers, drain: this.drain };
    for (const { instance } of this.discovery.getProviders()) {
      const connection: unknown = instance;
      if (!isGolevelupConsumingConnection(connection) || this.connections.has(connection)) continue;
      this.connections.add(connection);
      if (isGolevelupRequestingConnection(connection)) adoptGolevelupRequests(connection);
      await adoptGolevelupConnection(connection, parts);
    }
  }
}
