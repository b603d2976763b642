import 'reflect-metadata';
import {
  isRabbitMqError,
  type RabbitMqConfigurationError,
  RabbitMqModule,
  type RabbitMqModuleOptions,
  RmqDeadLetter,
  RmqRetry,
} from '@acme/nest-rabbitmq';
import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import {
  Controller,
  Get,
  Injectable,
  Logger,
  Module,
  type DynamicModule,
  type Provider,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FakeConnection } from './support/fake-amqp.js';
import { Payments } from './support/policy-example.js';

afterEach(() => vi.restoreAllMocks());

const connect = () => Promise.reject(new Error('no broker here'));
Logger.overrideLogger(false);

interface Given {
  readonly imports?: DynamicModule[];
  readonly controllers?: Type<unknown>[];
  readonly providers?: Provider[];
  /** Options of Nest's server. */
  readonly rmq?: object;
  /** None, where it is not given. */
  readonly broker?: RabbitMqModuleOptions['connect'];
}

/** What is refused at boot; nothing where the application starts. */
async function problemsOf({
  imports = [],
  controllers = [],
  providers = [],
  rmq,
  broker = connect,
}: Given): Promise<readonly string[]> {
  @Module({
    imports: [RabbitMqModule.forRoot({ connect: broker }), ...imports],
    controllers,
    providers,
  })
  class AppModule {}
  const options = { logger: false, abortOnError: false } as const;
  try {
    const app = await (rmq
      ? NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
          ...options,
          transport: Transport.RMQ,
          options: { queue: 'orders', noAck: false, prefetchCount: 10, ...rmq },
        })
      : NestFactory.createApplicationContext(AppModule, options));
    await app.init();
    await app.close();
    return [];
  } catch (error) {
    if (!isRabbitMqError(error, 'RABBITMQ_CONFIGURATION')) throw error;
    return (error as RabbitMqConfigurationError).problems;
  }
}

@Controller()
class Orders {
  @EventPattern('placed')
  placed(): void {}
}

/** golevelup's connection as it is found at boot. */
const connection = (configuration: object = {}): Provider => ({
  provide: 'connection',
  useValue: {
    configuration,
    managedChannels: {},
    managedConnection: {},
    createSubscriber: () => {},
    createRpc: () => {},
    createBatchSubscriber: () => {},
    close: async () => {},
  },
});

describe('what is refused at boot', () => {
  it('the module, where it is imported twice', async () => {
    const imports = [RabbitMqModule.forRoot({ connect, service: 'another' })];
    await expect(problemsOf({ imports })).resolves.toEqual([
      expect.stringContaining('RabbitMqModule is imported 2 times'),
    ]);
  });

  it('is nothing where all is well', async () => {
    await expect(problemsOf({ controllers: [Orders, Payments], rmq: {} })).resolves.toEqual([]);
  });

  it.each<[string, object, RegExp]>([
    [
      'noAck, which is the default',
      { noAck: undefined },
      /"orders".*noAck: true.*Set noAck: false/,
    ],
    [
      'a prefetch without a limit, which is the default',
      { prefetchCount: undefined },
      /Queue "orders": prefetchCount is not set/,
    ],
    ['a prefetch of the whole channel', { isGlobalPrefetchCount: true }, /isGlobalPrefetchCount/],
  ])('of Nest’s server is %s', async (_, rmq, problem) => {
    await expect(problemsOf({ controllers: [Orders], rmq })).resolves.toEqual([
      expect.stringMatching(problem),
    ]);
  });

  it.each([
    ['4.2.0', { durable: false }, false],
    ['4.3.0', { durable: false }, true],
    ['4.3.0', { durable: false, exclusive: true }, false],
    ['4.3.0', {}, false],
  ])(
    'is no queue that RabbitMQ may refuse: on %s, of %j is warned: %s',
    async (version, queueOptions, isWarned) => {
      const warn = vi.spyOn(Logger.prototype, 'warn');
      const connection = { serverProperties: { product: 'RabbitMQ', version } };
      const open = Object.assign(new FakeConnection(), { connection });
      const broker = () => Promise.resolve(open as never);
      const rmq = { queueOptions };
      await expect(problemsOf({ controllers: [Orders], rmq, broker })).resolves.toEqual([]);
      const told = warn.mock.calls.map(([text]) => String(text)).join('\n');
      expect(/"orders" .*durable: false, which RabbitMQ 4\.3\.0 refuses unless/.test(told)).toBe(
        isWarned,
      );
    },
  );

  it('is nothing of a server that has no handlers', async () => {
    @Controller()
    class ElsewhereOnly {
      @EventPattern('placed', Transport.REDIS)
      placed(): void {}
    }
    await expect(problemsOf({ rmq: { noAck: true } })).resolves.toEqual([]);
    const controllers = [ElsewhereOnly];
    await expect(problemsOf({ controllers, rmq: { noAck: true } })).resolves.toEqual([]);
  });

  it('is every wrong option of a decorator, with where it stands', async () => {
    @RmqDeadLetter({ queue: '' })
    @Controller()
    class Wrong {
      @RmqRetry({ attempts: 0, initial: 'soon', tries: 3 } as never)
      @EventPattern('placed')
      placed(): void {}
    }
    const problems = await problemsOf({ controllers: [Wrong], rmq: {} });
    expect(problems.map((problem) => problem.split(': ').slice(0, 2).join(': '))).toEqual([
      'decorators of Wrong: deadLetter.queue',
      'decorators of Wrong.placed: retry.tries',
      'decorators of Wrong.placed: retry.attempts',
      'decorators of Wrong.placed: retry.initial',
    ]);
  });

  it('is a decorator that was given no object, with what to give', async () => {
    @RmqDeadLetter('x' as never)
    @Controller()
    class Named {
      @RmqRetry(10 as never)
      @EventPattern('placed')
      placed(): void {}
    }
    await expect(problemsOf({ controllers: [Named], rmq: {} })).resolves.toEqual([
      `decorators of Named: deadLetter: "x" is not an object. Give { queue: 'orders.dlq' }.`,
      'decorators of Named.placed: retry: 10 is not an object. Give { attempts: 10 }.',
    ]);
  });

  it('is a policy where RabbitMQ delivers nothing', async () => {
    @Controller('orders')
    class Http {
      @RmqRetry({ attempts: 2 })
      @Get()
      list(): void {}
    }
    await expect(problemsOf({ controllers: [Http] })).resolves.toEqual([
      expect.stringMatching(/^Http\.list: @RmqRetry\(\) and @RmqDeadLetter\(\) have no effect/),
    ]);
  });

  it('is a policy beside one of golevelup', async () => {
    @Injectable()
    class Subscriber {
      @RmqRetry({ attempts: 2 })
      @RabbitSubscribe({ exchange: 'e', routingKey: 'k', queue: 'q', errorHandler: () => {} })
      placed(): void {}
    }
    const providers = [Subscriber, connection()];
    await expect(problemsOf({ providers })).resolves.toEqual([
      expect.stringMatching(/^Subscriber\.placed: .* no effect beside an errorHandler/),
    ]);
  });

  it('is a prefetch of golevelup without a limit, of the connection or of a channel', async () => {
    @Injectable()
    class Subscriber {
      @RabbitSubscribe({ exchange: 'e', routingKey: 'k', queue: 'q' })
      all(): void {}

      @RabbitSubscribe({ exchange: 'e', queue: 'r', queueOptions: { channel: 'few' } })
      few(): void {}
    }
    const limited = { prefetchCount: 0, channels: { few: { prefetchCount: 3 } } };
    await expect(problemsOf({ providers: [Subscriber, connection(limited)] })).resolves.toEqual([
      expect.stringMatching(/^Queue "q": prefetchCount is 0/),
    ]);
    await expect(problemsOf({ providers: [Subscriber, connection()] })).resolves.toEqual([]);
  });
});
