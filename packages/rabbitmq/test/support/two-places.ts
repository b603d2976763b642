import 'reflect-metadata';
import { openApp, openContext, type RecordingLogger } from '@acme/internal-testing';
import {
  type AttemptStore,
  type OrderStore,
  MessageContext,
  MessageContextModule,
  PlainJsonDeserializer,
} from '@acme/nest-message-context';
import { RabbitMqModule, RmqOrdered, type RabbitMqModuleOptions } from '@acme/nest-rabbitmq';
import { ReliableRmqServer } from '@acme/nest-rabbitmq/nest';
import {
  AmqpConnectionManager,
  RabbitMQModule,
  RabbitPayload,
  RabbitSubscribe,
  type AmqpConnection,
} from '@golevelup/nestjs-rabbitmq';
import { Controller, Injectable, Module, type INestApplicationContext } from '@nestjs/common';
import type { ConsumeMessage } from 'amqplib';
import { StoresModule } from './consumers.js';
import { EventPattern, Payload, Transport, type MicroserviceOptions } from '@nestjs/microservices';

/** A delivery that came to the handler: what was sent, which attempt it is, and the consumer that it came by, of the one place or the other. */
export type Handled = readonly [payload: unknown, attempt: number, consumer: string];

export interface TwoPlaces {
  readonly app: INestApplicationContext;
  readonly handled: Handled[];
  readonly log: RecordingLogger;
  close(): Promise<void>;
}

interface Options {
  /** Where it consumes from, the same queue in each. */
  readonly urls: readonly [string, string];
  readonly queue: string;
  readonly queueType: 'quorum' | 'classic';
  readonly module: RabbitMqModuleOptions;
  readonly attempts?: AttemptStore | undefined;
  readonly order?: OrderStore | undefined;
  /** Throws, or returns. */
  readonly handle: (...handled: Handled) => unknown;
}

type Open = (options: Options) => Promise<TwoPlaces>;

const imports = ({ attempts, order, module }: Options) => [
  StoresModule.of({ attempts, order }),
  MessageContextModule.forRoot(),
  RabbitMqModule.forRoot(module),
];

/** Where it is asked for: by a key that all messages share. */
const ordered =
  ({ order }: Options): MethodDecorator =>
  (target, key, descriptor) => {
    const options = { key: { header: 'x-key' }, sequence: {} } as const;
    if (order) RmqOrdered(options)(target, key, descriptor);
  };

const queueOptions = ({ queueType }: Options) => ({
  durable: true,
  arguments: { 'x-queue-type': queueType },
});

function recorder({ handle }: Options) {
  const handled: Handled[] = [];
  const on = async (payload: unknown): Promise<void> => {
    const { attempt, raw } = MessageContext.require().message;
    const { consumerTag } = (raw as ConsumeMessage).fields;
    const one: Handled = [payload, attempt, consumerTag];
    handled.push(one);
    await handle(...one);
  };
  return { handled, on };
}

const openNest =
  (microservice: (options: Options, url: string) => MicroserviceOptions): Open =>
  async (options) => {
    const { handled, on } = recorder(options);
    @Controller()
    class Events {
      @EventPattern('placed')
      @ordered(options)
      placed(@Payload() payload: unknown): Promise<void> {
        return on(payload);
      }
    }
    @Module({
      imports: imports(options),
      controllers: [Events],
    })
    class AppModule {}
    const microservices = options.urls.map((url) => microservice(options, url));
    const configure = (app: { init(): unknown }) => app.init();
    return { ...(await openApp(AppModule, { microservices, configure })), handled };
  };

const stock = (options: Options, url: string): MicroserviceOptions => ({
  transport: Transport.RMQ,
  options: {
    urls: [url],
    queue: options.queue,
    queueOptions: queueOptions(options),
    prefetchCount: 10,
    noAck: false,
    deserializer: new PlainJsonDeserializer(),
  },
});

const reliable = (options: Options, url: string): MicroserviceOptions => ({
  strategy: new ReliableRmqServer({
    urls: [url],
    queue: options.queue,
    queueOptions: queueOptions(options),
  }),
});

const openGolevelup: Open = async (options) => {
  const { handled, on } = recorder(options);
  const { queue, urls } = options;
  let managers: readonly AmqpConnection['managedConnection'][] = [];
  const of = (connection: string) =>
    RabbitSubscribe({ connection, queue, queueOptions: queueOptions(options) });
  @Injectable()
  class Events {
    constructor(connections: AmqpConnectionManager) {
      managers = connections.getConnections().map((one) => one.managedConnection);
    }

    @of('first')
    @ordered(options)
    fromFirst(@RabbitPayload() payload: unknown): Promise<void> {
      return on(payload);
    }

    @of('second')
    @ordered(options)
    fromSecond(@RabbitPayload() payload: unknown): Promise<void> {
      return on(payload);
    }
  }
  const connection = (name: string, uri: string) =>
    RabbitMQModule.forRoot({ name, uri, connectionInitOptions: { wait: true } });
  @Module({
    imports: [...imports(options), connection('first', urls[0]), connection('second', urls[1])],
    providers: [Events],
  })
  class AppModule {}
  try {
    return { ...(await openContext(AppModule)), handled };
  } catch (error) {
    // golevelup leaves them open where an application does not start.
    await Promise.all(managers.map((manager) => manager.close()));
    throw error;
  }
};

/** One application that consumes a queue of the same name in two places. */
export const TWO_PLACES: [kind: string, open: Open][] = [
  ['Nest RMQ', openNest(stock)],
  ['ReliableRmqServer', openNest(reliable)],
  ['golevelup', openGolevelup],
];
