import 'reflect-metadata';
import {
  openContext,
  openMicroservice,
  type RecordingLogger,
  type TestBroker,
} from '@acme/internal-testing';
import {
  AttemptStore,
  MessageContext,
  MessageContextModule,
  OrderStore,
  PlainJsonDeserializer,
  type InboundMessage,
} from '@acme/nest-message-context';
import {
  DeadLetters,
  OrderedKeys,
  RabbitMqModule,
  RmqOrdered,
  type RabbitMqModuleOptions,
  type RmqOrderedOptions,
} from '@acme/nest-rabbitmq';
import { ReliableRmqServer, type ReliableRmqOptions } from '@acme/nest-rabbitmq/nest';
import { RabbitMQModule, RabbitPayload, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import {
  Catch,
  Controller,
  Global,
  Injectable,
  Module,
  UseFilters,
  UseGuards,
  UsePipes,
  type DynamicModule,
  type ExceptionFilter,
  type INestApplicationContext,
} from '@nestjs/common';
import {
  EventPattern,
  Payload,
  Transport,
  type CustomTransportStrategy,
} from '@nestjs/microservices';
import { connect } from 'amqplib';

/** What a handler is given, with the message as its context knows it. */
interface Handled {
  readonly payload: unknown;
  readonly message: InboundMessage;
}

export interface Consumer {
  /** Every delivery that came to the handler, in order. */
  readonly handled: Handled[];
  readonly app: INestApplicationContext;
  readonly log: RecordingLogger;
  /** Of its own module. */
  readonly deadLetters: DeadLetters;
  readonly keys: OrderedKeys;
  close(): Promise<void>;
}

export interface ConsumerOptions extends Stores {
  readonly broker: Pick<TestBroker, 'url'>;
  /** With `amqps:`, what amqplib is given besides. */
  readonly tls?: object;
  readonly queue: string;
  /** Bound to the queue with `placed`. */
  readonly exchange: string;
  readonly queueType?: 'quorum' | 'classic';
  /** More arguments of the queue. */
  readonly queueArguments?: Readonly<Record<string, unknown>>;
  /** Whether the application declares the queue. @default true */
  readonly declares?: boolean;
  readonly prefetch?: number;
  readonly module?: Partial<RabbitMqModuleOptions>;
  /** What stands on the handler, and on its class. */
  readonly decorators?: {
    readonly method?: MethodDecorator | undefined;
    readonly class?: ClassDecorator | undefined;
  };
  /** What stands on its handlers besides. */
  readonly ordered?: RmqOrderedOptions;
  readonly guard?: () => Promise<boolean>;
  readonly pipe?: (payload: unknown) => Promise<unknown>;
  /** Before it is thrown on. */
  readonly filter?: (error: unknown) => Promise<void>;
  /** Of Nest's. */
  readonly deserializer?: object;
  /** Called when it closes, once everybody knows that it does. */
  readonly closing?: () => void;
  /** Throws, decides, or returns. */
  readonly handle: (handled: Handled, count: number) => unknown;
}

export type Open = (options: ConsumerOptions) => Promise<Consumer>;

interface Stores {
  readonly attempts?: AttemptStore | undefined;
  readonly order?: OrderStore | undefined;
}

@Global()
@Module({})
export class StoresModule {
  static of({ attempts, order }: Stores): DynamicModule {
    const providers = [
      ...(attempts ? [{ provide: AttemptStore, useValue: attempts }] : []),
      ...(order ? [{ provide: OrderStore, useValue: order }] : []),
    ];
    return { module: StoresModule, providers, exports: providers.map(({ provide }) => provide) };
  }
}

const imports = ({ broker, tls, module, ...stores }: ConsumerOptions) => [
  StoresModule.of(stores),
  MessageContextModule.forRoot(),
  RabbitMqModule.forRoot({ connect: () => connect(broker.url, tls), service: 'tests', ...module }),
];

const argumentsOf = ({ queueType = 'quorum', queueArguments }: ConsumerOptions) => ({
  'x-queue-type': queueType,
  ...queueArguments,
});

const nothing = (): void => {};
function filterOf(filter: NonNullable<ConsumerOptions['filter']>): ExceptionFilter {
  @Catch()
  class Filter implements ExceptionFilter {
    async catch(error: unknown): Promise<never> {
      await filter(error);
      throw error;
    }
  }
  return new Filter();
}

/** What the options ask for besides the handler itself. */
function decorated({ ordered, guard, pipe, filter }: ConsumerOptions): MethodDecorator {
  return (target, key, descriptor) => {
    if (ordered) RmqOrdered(ordered)(target, key, descriptor);
    if (guard) UseGuards({ canActivate: guard })(target, key, descriptor);
    if (pipe) UsePipes({ transform: pipe })(target, key, descriptor);
    if (filter) UseFilters(filterOf(filter))(target, key, descriptor);
  };
}

const servicesOf = (app: INestApplicationContext) => ({
  deadLetters: app.get(DeadLetters),
  keys: app.get(OrderedKeys),
});

/** Tells the test when it closes. */
const closing =
  (close: () => Promise<void>, options: ConsumerOptions) => async (): Promise<void> => {
    const closed = close();
    setImmediate(() => options.closing?.());
    await closed;
  };

function recorder({ handle }: ConsumerOptions) {
  const handled: Handled[] = [];
  const on = (payload: unknown): unknown => {
    const one = { payload, message: MessageContext.require().message };
    handled.push(one);
    return handle(one, handled.length);
  };
  return { handled, on };
}

const openNest = async (
  options: ConsumerOptions,
  strategy?: (rmq: ReliableRmqOptions) => CustomTransportStrategy,
): Promise<Consumer> => {
  const { broker, tls, queue, exchange, prefetch = 10, declares = true } = options;
  const { deserializer = new PlainJsonDeserializer() } = options;
  const { handled, on } = recorder(options);
  const { method: onMethod = nothing, class: onClass = nothing } = options.decorators ?? {};
  @onClass
  @Controller()
  class Events {
    @onMethod
    @EventPattern('placed')
    @decorated(options)
    async placed(@Payload() payload: unknown): Promise<void> {
      await on(payload);
    }
  }
  @Module({ imports: imports(options), controllers: [Events] })
  class AppModule {}
  const rmq = {
    urls: [broker.url],
    queue,
    queueOptions: { durable: true, arguments: argumentsOf(options) },
    noAssert: !declares,
    ...(declares && { exchange, exchangeType: 'topic' as const, routingKey: 'placed' }),
    prefetchCount: prefetch,
    socketOptions: { reconnectTimeInSeconds: 0.1, ...(tls && { connectionOptions: tls }) },
  };
  const stock = { ...rmq, noAck: false, deserializer: deserializer as PlainJsonDeserializer };
  const { app, log, close } = await openMicroservice(
    AppModule,
    strategy ? { strategy: strategy(rmq) } : { transport: Transport.RMQ, options: stock },
  );
  return { app, handled, log, close: closing(close, options), ...servicesOf(app) };
};

const openReliable: Open = (options) => openNest(options, (rmq) => new ReliableRmqServer(rmq));

const openGolevelup: Open = async (options) => {
  const { broker, queue, exchange, prefetch = 10, declares = true } = options;
  const { handled, on } = recorder(options);
  const { method: onMethod = nothing, class: onClass = nothing } = options.decorators ?? {};
  @onClass
  @Injectable()
  class Events {
    @onMethod
    @RabbitSubscribe({
      ...(declares && { exchange, routingKey: 'placed' }),
      createQueueIfNotExists: declares,
      queue,
      queueOptions: { durable: true, arguments: argumentsOf(options) },
    })
    @decorated(options)
    async placed(@RabbitPayload() payload: unknown): Promise<void> {
      await on(payload);
    }
  }
  @Module({
    imports: [
      ...imports(options),
      RabbitMQModule.forRoot({
        uri: broker.url,
        exchanges: [{ name: exchange, type: 'topic' }],
        connectionInitOptions: { wait: true },
        connectionManagerOptions: {
          reconnectTimeInSeconds: 0.1,
          ...(options.tls && { connectionOptions: options.tls }),
        },
        prefetchCount: prefetch,
      }),
    ],
    providers: [Events],
  })
  class AppModule {}
  const { app, log, close } = await openContext(AppModule);
  return { app, handled, log, close: closing(close, options), ...servicesOf(app) };
};

/** For names. */
export const slug = (kind: string): string => kind.replaceAll(' ', '-').toLowerCase();

/** The same consumer behind either client library. */
export const CONSUMERS: [kind: string, open: Open][] = [
  ['Nest RMQ', (options) => openNest(options)],
  ['ReliableRmqServer', openReliable],
  ['golevelup', openGolevelup],
];
