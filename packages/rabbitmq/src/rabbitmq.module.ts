import {
  ConfigurableModuleBuilder,
  Inject,
  Logger,
  Module,
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import {
  AttemptStore,
  MessageContextCoreModule,
  MessageObserver,
  OrderStore,
  Settlement,
} from '@acme/nest-message-context';
import { Boot } from './boot/boot.js';
import { ClientAdoption } from './consumers/client-adoption.js';
import { ClientPauses } from './consumers/client-pauses.js';
import { Consumers } from './consumers/consumers.js';
import { Drain } from './consumers/drain.js';
import { Attempts } from './crashes/attempts.js';
import { CrashGuard } from './crashes/crash-guard.js';
import { HandlerFinder } from './crashes/handler-finder.js';
import { QueueNames } from './consumers/queue-names.js';
import { loadsOf } from './consumers/queue-loads.js';
import { DeadLetters } from './dead-letters/dead-letters.js';
import { Observability } from './observability/observability.js';
import { ObservedHops } from './observability/observed-hops.js';
import { RabbitMqEvents } from './observability/rabbitmq-events.js';
import { Blocking } from './ordered/blocking.js';
import { EarlyPlaces } from './ordered/early-places.js';
import { OrderBook } from './ordered/order-book.js';
import { OrderedKeys } from './ordered/ordered-keys.js';
import { OrderedClients } from './ordered/ordered-clients.js';
import { OrderedStage } from './ordered/ordered.stage.js';
import {
  resolveOptions,
  type RabbitMqModuleOptions,
  type RabbitMqSettings,
} from './rabbitmq.options.js';
import { RABBITMQ_OPTIONS, RABBITMQ_SETTINGS } from './rabbitmq.tokens.js';
import { BrokerSettlement } from './settlement/broker-settlement.js';
import { HopConnection } from './settlement/hop-connection.js';
import { HopConnections } from './settlement/hop-connections.js';
import { PatientHops } from './settlement/patient-hops.js';
import { Repeats } from './settlement/repeats.js';
import { TimeoutStage } from './timeout/timeout.stage.js';
import { ModuleTopology } from './topology/module-topology.js';
import { RefusedDeclarations, type RefusedDeclaration } from './topology/refused-declarations.js';
import { Topology } from './topology/topology.js';
import { RabbitMqHealthIndicator } from './watchdog/rabbitmq-health-indicator.js';
import { Resubscriber } from './watchdog/resubscriber.js';
import { SlowConsumers } from './watchdog/slow-consumers.js';
import { Watchdog } from './watchdog/watchdog.js';

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<RabbitMqModuleOptions>({
  optionsInjectionToken: RABBITMQ_OPTIONS,
})
  .setClassMethodName('forRoot')
  .build();

/**
 * Retries with a delay at the broker, and parks with the reason: for the handlers of Nest's `Transport.RMQ` and of golevelup alike.
 * Import it once, at the top.
 */
@Module({
  imports: [MessageContextCoreModule, DiscoveryModule],
  providers: [
    {
      provide: RABBITMQ_SETTINGS,
      inject: [RABBITMQ_OPTIONS],
      useFactory: resolveOptions,
    },
    {
      provide: HopConnections,
      inject: [RABBITMQ_SETTINGS, Consumers],
      useFactory: ({ connects, publishTimeoutMs }: RabbitMqSettings, consumers: Consumers) => {
        const all = connects.map((connect) => new HopConnection(connect, publishTimeoutMs));
        return new HopConnections(all, consumers, publishTimeoutMs);
      },
    },
    {
      provide: BrokerSettlement,
      inject: [
        HopConnections,
        ClientPauses,
        RABBITMQ_SETTINGS,
        Repeats,
        Observability,
        OrderBook,
        EarlyPlaces,
      ],
      useFactory: (
        connections: HopConnections,
        pauses: ClientPauses,
        settings: RabbitMqSettings,
        repeats: Repeats,
        observability: Observability,
        orders: OrderBook,
        early: EarlyPlaces,
      ) => {
        const log = new Logger('RabbitMqModule');
        const hops = new ObservedHops(new PatientHops(connections, pauses, log), observability);
        return new BrokerSettlement(hops, pauses, settings, log, repeats, orders, early);
      },
    },
    { provide: Settlement, useExisting: BrokerSettlement },
    {
      provide: Observability,
      inject: [Consumers],
      useFactory: (consumers: Consumers) => Observability.load(consumers),
    },
    { provide: MessageObserver, useExisting: Observability },
    {
      provide: RabbitMqEvents,
      inject: [Observability],
      useFactory: ({ events$ }: Observability) => new RabbitMqEvents(events$),
    },
    Repeats,
    {
      provide: Blocking,
      inject: [RABBITMQ_SETTINGS, Repeats],
      useFactory: (settings: RabbitMqSettings, repeats: Repeats) =>
        new Blocking(settings, repeats, new Logger('RabbitMqModule')),
    },
    {
      provide: OrderBook,
      inject: [Observability, OrderedClients, QueueNames, { token: OrderStore, optional: true }],
      useFactory: (
        observability: Observability,
        clients: OrderedClients,
        queueNames: QueueNames,
        store?: OrderStore,
      ) => {
        const log = new Logger('RabbitMqModule');
        return new OrderBook({ store, clients, queueNames, observability, log });
      },
    },
    {
      provide: EarlyPlaces,
      inject: [Blocking, OrderedClients, OrderBook],
      useFactory: (blocking: Blocking, clients: OrderedClients, book: OrderBook) =>
        new EarlyPlaces({ blocking, clients, book }),
    },
    {
      provide: OrderedKeys,
      inject: [OrderBook],
      useFactory: ({ records }: OrderBook) => new OrderedKeys(records),
    },
    {
      provide: QueueNames,
      inject: [Consumers, RABBITMQ_SETTINGS],
      useFactory: (consumers: Consumers, { connects }: RabbitMqSettings) =>
        new QueueNames(consumers, connects.length > 1),
    },
    OrderedClients,
    OrderedStage,
    TimeoutStage,
    Consumers,
    ClientPauses,
    ClientAdoption,
    Boot,
    {
      provide: Attempts,
      inject: [{ token: AttemptStore, optional: true }],
      useFactory: (store?: AttemptStore) => new Attempts(store, new Logger('RabbitMqModule')),
    },
    HandlerFinder,
    {
      provide: CrashGuard,
      inject: [Consumers, Attempts, HandlerFinder, BrokerSettlement, RABBITMQ_SETTINGS, QueueNames],
      useFactory: (
        consumers: Consumers,
        attempts: Attempts,
        handlers: HandlerFinder,
        settlement: BrokerSettlement,
        settings: RabbitMqSettings,
        queueNames: QueueNames,
      ) => {
        const log = new Logger('RabbitMqModule');
        const clientOf: Consumers['clientOf'] = (delivery) => consumers.clientOf(delivery);
        const parts = { attempts, handlers, settings, settlement, log, queueNames, clientOf };
        return (consumers.gate = new CrashGuard(parts));
      },
    },
    {
      provide: Drain,
      inject: [Consumers, ClientPauses, OrderedStage, RABBITMQ_SETTINGS, Observability],
      useFactory: (
        consumers: Consumers,
        pauses: ClientPauses,
        ordered: OrderedStage,
        { drainTimeoutMs }: RabbitMqSettings,
        observability: Observability,
      ) =>
        new Drain({
          consumers,
          timeoutMs: drainTimeoutMs,
          release: (client) => {
            pauses.release(client);
            consumers.gate.release(client);
          },
          ordered,
          log: new Logger('RabbitMqModule'),
          abandoned: (unsettled) => observability.abandoned(unsettled),
        }),
    },
    {
      provide: Watchdog,
      inject: [Consumers, RABBITMQ_SETTINGS, Observability],
      useFactory: (
        consumers: Consumers,
        { ackTimeoutMs, publishTimeoutMs }: RabbitMqSettings,
        observability: Observability,
      ) => {
        const log = new Logger('RabbitMqModule');
        const resubscriber = new Resubscriber(publishTimeoutMs, log);
        const slowConsumers = new SlowConsumers({
          loads: () => loadsOf(consumers),
          tell: (queue, slowness) => observability.slow(queue, slowness),
          log,
        });
        const alsoLook = (now: number): void => {
          observability.look();
          slowConsumers.look(now);
        };
        return new Watchdog({ consumers, resubscriber, alsoLook, ackTimeoutMs, log });
      },
    },
    RabbitMqHealthIndicator,
    {
      provide: Topology,
      inject: [RABBITMQ_SETTINGS],
      useFactory: (settings: RabbitMqSettings) => new ModuleTopology(settings),
    },
    {
      provide: RefusedDeclarations,
      inject: [Consumers, HopConnections, RABBITMQ_SETTINGS],
      useFactory: (
        consumers: Consumers,
        connections: HopConnections,
        { publishTimeoutMs: timeoutMs }: RabbitMqSettings,
      ) => {
        const deskOf = async ({ client, wanted }: RefusedDeclaration) => {
          const { connect } = await connections.of(client, wanted.name);
          return { connect, timeoutMs };
        };
        const refused = new RefusedDeclarations(deskOf, new Logger('RabbitMqModule'));
        consumers.onRefused = (declaration) => refused.explain(declaration);
        return refused;
      },
    },
    {
      provide: DeadLetters,
      inject: [RABBITMQ_SETTINGS],
      useFactory: ({ connects: [connect], publishTimeoutMs }: RabbitMqSettings) =>
        new DeadLetters({ connect, timeout: publishTimeoutMs }),
    },
  ],
  exports: [
    Settlement,
    MessageObserver,
    OrderedStage,
    OrderedKeys,
    RabbitMqEvents,
    RabbitMqHealthIndicator,
    DeadLetters,
    TimeoutStage,
    Topology,
  ],
})
export class RabbitMqModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown
{
  constructor(
    @Inject(HopConnections) private readonly connections: HopConnections,
    @Inject(Boot) private readonly boot: Boot,
    @Inject(Drain) private readonly drain: Drain,
    @Inject(Watchdog) private readonly watchdog: Watchdog,
    @Inject(DeadLetters) private readonly deadLetters: DeadLetters,
    @Inject(RefusedDeclarations) private readonly refused: RefusedDeclarations,
    @Inject(CrashGuard) private readonly crashes: CrashGuard,
    @Inject(Observability) private readonly observability: Observability,
  ) {
    super();
  }

  static override forRoot(options: RabbitMqModuleOptions): DynamicModule {
    return { ...super.forRoot(options ?? {}), global: true };
  }

  static override forRootAsync(
    options: ConfigurableModuleAsyncOptions<RabbitMqModuleOptions>,
  ): DynamicModule {
    return { ...super.forRootAsync(options), global: true };
  }

  onModuleInit(): Promise<void> {
    return this.boot.prepare();
  }

  onApplicationBootstrap(): void {
    this.boot.announce();
    this.watchdog.start();
    this.drain.isReady = true;
  }

  /** Before anything is closed that a handler may need, as far as that waits for a later hook. */
  async onModuleDestroy(): Promise<void> {
    this.watchdog.stop();
    await this.drain.run();
    // While what it is written to is still there.
    await this.crashes.idle();
  }

  /** After consumers have ended. */
  async onApplicationShutdown(): Promise<void> {
    await this.deadLetters.close();
    await this.refused.close();
    await this.connections.close();
    this.observability.end();
  }
}
