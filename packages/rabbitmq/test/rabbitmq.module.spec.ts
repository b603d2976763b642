import 'reflect-metadata';
import { openContext } from '@acme/internal-testing';
import { Settlement } from '@acme/nest-message-context';
import * as api from '@acme/nest-rabbitmq';
import {
  isRabbitMqError,
  RabbitMqConfigurationError,
  RabbitMqModule,
  type RabbitMqModuleOptions,
} from '@acme/nest-rabbitmq';
import { Module, type DynamicModule } from '@nestjs/common';
import { describe, expect, it } from 'vitest';

const open = (...imports: DynamicModule[]) => {
  @Module({ imports })
  class AppModule {}
  return openContext(AppModule);
};
/** There is no broker: a line in the log says so, and messages wait. */
const connect = () => Promise.reject(new Error('no broker here'));

describe('RabbitMqModule', () => {
  it('refuses wrong options at boot, all of them at once, each with its remedy', async () => {
    const options = {
      connect: 'amqp://h',
      services: 'orders',
      queueType: 'stream',
      publishTimeout: 'soon',
      retry: { attempts: 0, backoff: 'never', factor: 0, jitter: 'true', maxElapsed: -1, tries: 1 },
      deadLetter: { queue: '', stack: 1 },
      queues: { orders: { retry: { initial: 'x' }, dlq: 'y' } },
    };
    const opened = open(RabbitMqModule.forRoot(options as never));
    await expect(opened).rejects.toThrow(RabbitMqConfigurationError);
    const error = (await opened.catch((thrown: unknown) => thrown)) as RabbitMqConfigurationError;
    expect(isRabbitMqError(error, 'RABBITMQ_CONFIGURATION')).toBe(true);
    expect(error.problems.map((problem) => problem.split(':')[0])).toEqual([
      'options.services',
      'connect',
      'publishTimeout',
      'queueType',
      'deadLetter.queue',
      'retry.tries',
      'retry.attempts',
      'retry.factor',
      'retry.backoff',
      'retry.maxElapsed',
      'retry.jitter',
      'deadLetter.stack',
      'queues["orders"].dlq',
      'queues["orders"].retry.initial',
    ]);
    expect(error.message).toContain('Give () => amqplib.connect(url).');
  });

  it.each([undefined, null, 'amqp://localhost'])('given %o, says what to give', async (given) => {
    await expect(open(RabbitMqModule.forRoot(given as never))).rejects.toThrow(
      RabbitMqConfigurationError,
    );
  });

  it('takes its options from a factory, and starts without a broker', async () => {
    const useFactory = (): RabbitMqModuleOptions => ({ connect });
    const { app, log, close } = await open(RabbitMqModule.forRootAsync({ useFactory }));
    expect(app.get(Settlement)).toMatchObject({ keepsParked: true });
    expect(log.messages('warn').join()).toMatch(/no connection to the broker: no broker here/);
    await close();
  });

  it('refuses a connection that could never confirm', async () => {
    const options = { connect: async () => ({}) as never };
    await expect(open(RabbitMqModule.forRoot(options))).rejects.toThrow(/createConfirmChannel/);
  });

  it('exports what it says and nothing else', () => {
    expect(Object.keys(api).sort()).toMatchInlineSnapshot(`
      [
        "ClientRmqPublisher",
        "DeadLetters",
        "GolevelupPublisher",
        "InterruptedError",
        "OrderedKeys",
        "QueueUnavailableError",
        "RabbitMqConfigurationError",
        "RabbitMqError",
        "RabbitMqEvents",
        "RabbitMqHealthIndicator",
        "RabbitMqModule",
        "RabbitMqPublisher",
        "RmqConsumer",
        "RmqDeadLetter",
        "RmqOrdered",
        "RmqRetry",
        "RpcError",
        "RpcTimeoutError",
        "RpcUnroutableError",
        "SettlingFailedError",
        "Topology",
        "TopologyMismatchError",
        "connectToAny",
        "importedMessage",
        "isRabbitMqError",
        "orderedTopology",
        "rabbitMqProbe",
      ]
    `);
  });
});
