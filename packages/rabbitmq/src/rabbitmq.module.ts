import {
  ConfigurableModuleBuilder,
  Inject,
  Logger,
  Module,
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { MessageContextCoreModule, Settlement } from '@acme/nest-message-context';
import { ConfirmedSender } from './publisher/confirmed-sender.js';
import {
  resolveOptions,
  type RabbitMqModuleOptions,
  type RabbitMqSettings,
} from './rabbitmq.options.js';
import { isRabbitMqError } from './rabbitmq.errors.js';
import { RABBITMQ_OPTIONS, RABBITMQ_SETTINGS } from './rabbitmq.tokens.js';
import { BrokerSettlement } from './settlement/broker-settlement.js';
import { HopPublisher } from './settlement/hop-publisher.js';
import { PatientHops } from './settlement/patient-hops.js';

const WINDOW = 1_000;

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
  imports: [MessageContextCoreModule],
  providers: [
    {
      provide: RABBITMQ_SETTINGS,
      inject: [RABBITMQ_OPTIONS],
      useFactory: resolveOptions,
    },
    {
      provide: ConfirmedSender,
      inject: [RABBITMQ_SETTINGS],
      useFactory: ({ connect, publishTimeoutMs }: RabbitMqSettings) =>
        new ConfirmedSender({
          name: 'RabbitMqModule',
          connect,
          timeoutMs: publishTimeoutMs,
          window: WINDOW,
        }),
    },
    {
      provide: BrokerSettlement,
      inject: [ConfirmedSender, RABBITMQ_SETTINGS],
      useFactory: (sender: ConfirmedSender, settings: RabbitMqSettings) => {
        const log = new Logger('RabbitMqModule');
        const hops = new HopPublisher(sender);
        return new BrokerSettlement(hops, new PatientHops(hops, log), settings, log);
      },
    },
    { provide: Settlement, useExisting: BrokerSettlement },
  ],
  exports: [Settlement],
})
export class RabbitMqModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationShutdown
{
  constructor(
    @Inject(ConfirmedSender) private readonly sender: ConfirmedSender,
    @Inject(BrokerSettlement) private readonly settlement: BrokerSettlement,
    @Inject(RABBITMQ_SETTINGS) private readonly settings: RabbitMqSettings,
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

  async onModuleInit(): Promise<void> {
    await this.sender.prepare();
    try {
      for (const queue of this.settings.queues) await this.settlement.declare(queue);
    } catch (error) {
      // That there is no broker now, or none any more, is no error: what is missing is declared when a message fails.
      if (!isRabbitMqError(error)) return;
      // Nobody closes an application that did not start.
      await this.sender.close();
      throw error;
    }
  }

  /** After consumers have ended. */
  onApplicationShutdown(): Promise<void> {
    return this.sender.close();
  }
}
