import type { OnApplicationBootstrap, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { atMost } from '@acme/nest-message-context/kit';
import type { Observability } from '../observability/observability.js';
import type { Outbox } from '../outbox.js';
import type { OutboxSettings } from '../outbox.options.js';
import type { OutboxRelay } from '../relay/outbox-relay.js';
import type { OutboxWakeUp } from '../wakeup/outbox-wake-up.js';
import { assertOnlyOne, assertOwnTables, type Neighbour } from './neighbours.js';

/** For closing a connection, also when everything else has taken its time. */
const CLOSE_MS = 100;

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

  /**
   * Before the application closes the pool or the broker's connection. The publisher has what time the relay has left: all it
   * was given is answered or given up by then.
   */
  async onModuleDestroy(): Promise<void> {
    const stopBy = performance.now() + this.settings.relay.stopTimeoutMs;
    try {
      await Promise.all([this.relay.stop(), this.wakeUp.close()]);
    } finally {
      const leftMs = Math.max(stopBy - performance.now(), CLOSE_MS);
      await atMost(leftMs, this.settings.publisher?.close?.() ?? Promise.resolve());
      this.observed.end();
    }
  }
}
