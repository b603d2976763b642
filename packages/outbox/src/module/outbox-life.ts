import type { OnApplicationBootstrap, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import type { Observability } from '../observability/observability.js';
import type { Outbox } from '../outbox.js';
import type { OutboxSettings } from '../outbox.options.js';
import type { OutboxRelay } from '../relay/outbox-relay.js';
import type { OutboxWakeUp } from '../wakeup/outbox-wake-up.js';
import { assertOnlyOne, assertOwnTables, type Neighbour } from './neighbours.js';

/** @internal One outbox from the start of the application to its end. */
export class OutboxLife
  implements Neighbour, OnModuleInit, OnApplicationBootstrap, OnModuleDestroy
{
  isPrepared = false;

  constructor(
    /** How the module was called: 'OutboxModule.forRoot()'. */
    readonly call: string,
    readonly settings: OutboxSettings,
    private readonly outbox: Outbox,
    private readonly relay: OutboxRelay,
    private readonly wakeUp: OutboxWakeUp,
    private readonly modules: ModulesContainer,
    private readonly observed: Observability,
  ) {}

  /** @throws {OutboxConfigurationError} when another outbox of the application has the same name, or relays the same tables */
  async onModuleInit(): Promise<void> {
    assertOnlyOne(this, this.modules);
    await this.outbox.prepare();
    this.isPrepared = true;
    await assertOwnTables(this, this.modules);
    await this.settings.publisher?.prepare?.();
  }

  onApplicationBootstrap(): void {
    if (this.settings.mode === 'off') return;
    this.relay.start();
    this.wakeUp.listen();
  }

  /** Before the application closes the pool or the broker's connection. */
  async onModuleDestroy(): Promise<void> {
    await Promise.all([this.relay.stop(), this.wakeUp.close()]);
    await this.settings.publisher?.close?.();
    this.observed.end();
  }
}
