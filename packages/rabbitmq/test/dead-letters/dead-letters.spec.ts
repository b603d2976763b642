import 'reflect-metadata';
import { openContext } from '@acme/internal-testing';
import {
  DeadLetters,
  InterruptedError,
  RabbitMqConfigurationError,
  RabbitMqModule,
} from '@acme/nest-rabbitmq';
import { Inject, Injectable, Module } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { FakeBroker } from '../support/fake-broker.js';

describe('giving back', () => {
  it.each([
    ['3.10.8', ['close with what is held']],
    ['4.2.1', ['close with what is held']],
    // There a channel that ends counts toward the delivery limit, and a nack does not: not to those who still want more, though.
    ['4.3.0', ['cancel nest-rabbitmq-000000', 'nackAll true']],
  ])('on %s: %j', async (version, told) => {
    const broker = new FakeBroker(version, ['a', 'b']);
    const desk = new DeadLetters({ connect: broker.connect });
    await expect(desk.list('q')).resolves.toMatchObject({ looked: 2, left: 0 });
    expect(broker).toMatchObject({ told, ready: ['a', 'b'], connections: 1, closed: 1 });
    await expect(desk.purge('q', { filter: { where: () => true } })).resolves.toMatchObject({
      purged: 2,
    });
    // Nothing is held any more.
    expect(broker.told.slice(told.length)).toEqual(['ack a', 'ack b']);
  });

  it('does not look at what comes into a queue that was empty, nor waits for it', async () => {
    const broker = new FakeBroker('3.10.8', []);
    broker.comes = ['given back by another look'];
    const desk = new DeadLetters({ connect: broker.connect, timeout: 50 });
    await expect(desk.list('q')).resolves.toMatchObject({ looked: 0 });
    expect(broker.ready).toHaveLength(1);
  });

  it('asks without waiting for small packets to be received', async () => {
    const broker = new FakeBroker('3.10.8', []);
    await new DeadLetters({ connect: broker.connect }).list('q');
    expect(broker.noDelay).toBe(true);
  });
});

describe('a broker', () => {
  it('that does not answer is waited for so long, and its connection is closed', async () => {
    const broker = new FakeBroker('3.10.8', ['a']);
    broker.answers = new Promise(() => {});
    const desk = new DeadLetters({ connect: broker.connect, timeout: 20 });
    await expect(desk.list('q')).rejects.toThrow(/did not answer within 20 ms .*"q"/);
    expect(broker.closed).toBe(1);
  });

  it('that is connected to too late is let go', async () => {
    const broker = new FakeBroker('3.10.8', ['a']);
    let connected = (): void => {};
    const gate = new Promise<void>((done) => (connected = done));
    const connect = () => gate.then(broker.connect);
    const desk = new DeadLetters({ connect, timeout: 20 });
    await expect(desk.list('q')).rejects.toBeInstanceOf(InterruptedError);
    connected();
    await expect.poll(() => broker.closed).toBe(1);
  });

  it('that cannot be connected to is told by what connect throws', async () => {
    const refused = new Error('refused');
    const desk = new DeadLetters({ connect: () => Promise.reject(refused) });
    for (const call of [desk.list('q'), desk.redrive('q'), desk.export('q').next()])
      await expect(call).rejects.toBe(refused);
  });

  it('where nothing can be published keeps its messages, and the run says why', async () => {
    const broker = new FakeBroker('3.10.8', ['a', 'b', 'c']);
    const desk = new DeadLetters({ connect: broker.connect, timeout: 100 });
    const error: unknown = await desk.redrive('q', { to: 'r' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InterruptedError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/nothing is published here/) as string,
      report: { redriven: 0, failures: [{ reason: 'UNCONFIRMED' }], end: 'stopped' },
    });
    expect(broker.told.filter((one) => one.startsWith('ack'))).toEqual([]);
  });
});

it('what a predicate or a progress listener throws ends the call, and everything is given back', async () => {
  const broker = new FakeBroker('3.10.8', ['a', 'b']);
  const desk = new DeadLetters({ connect: broker.connect });
  const fail = (): never => {
    throw new RangeError('mine');
  };
  const calls = [
    () => desk.list('q', { filter: { where: fail } }),
    () => desk.redrive('q', { filter: { where: fail } }),
    () => desk.redrive('q', { onProgress: fail }),
    () => desk.purge('q', { filter: { where: fail } }),
    () =>
      desk
        .export('q', { onProgress: fail })
        .next()
        .then(() => fail()),
  ];
  for (const call of calls) await expect(call()).rejects.toThrow(RangeError);
  expect(broker.told.filter((one) => one.startsWith('ack'))).toEqual([]);
});

describe('wrong options', () => {
  const connect = () => Promise.reject(new Error('nobody connects here'));
  const desk = new DeadLetters({ connect });
  it.each<[what: string, call: () => unknown, problems: string[]]>([
    [
      'the desk',
      () => new DeadLetters({ connect: 'amqp://h', timeout: 'soon', url: 1 } as never),
      ['options.url', 'connect', 'timeout'],
    ],
    [
      'list',
      () =>
        desk.list('', {
          limit: 0,
          scan: 1.5,
          filter: { code: '', failedFrom: 'x', size: 3 },
        } as never),
      ['queue', 'filter.size', 'filter.code', 'filter.failedFrom', 'scan', 'limit'],
    ],
    [
      'peek',
      () => desk.peek('q', { filter: { messageId: [7], where: true } } as never),
      ['filter.messageId', 'filter.where'],
    ],
    ['groups', () => desk.groups('q', { limit: 3 } as never), ['options.limit']],
    ['export', () => desk.export('q', { dryRun: true } as never).next(), ['options.dryRun']],
    [
      'redrive',
      () =>
        desk.redrive('q', {
          to: 'q',
          rate: 0,
          maxRedrives: -1,
          force: 'yes',
          resume: '',
          dryRun: 1,
          onProgress: 1,
          signal: {},
          filter: { redrivenAtLeast: -1 },
        } as never),
      [
        'to',
        'rate',
        'resume',
        'onProgress',
        'signal',
        'filter.redrivenAtLeast',
        'dryRun',
        'maxRedrives',
        'force',
      ],
    ],
    ['purge', () => desk.purge('q', {}), ['filter']],
    ['purge of all', () => desk.purge('q', { all: true, limit: 3 }), ['all']],
    ['purge of none', () => desk.purge('q', { filter: { code: undefined } }), ['filter']],
  ])(
    'of %s are refused, all of them at once, before anybody connects',
    async (_, call, problems) => {
      const error = await (async () => call())().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RabbitMqConfigurationError);
      const said = (error as RabbitMqConfigurationError).problems;
      expect(said.map((problem) => problem.split(':')[0])).toEqual(problems);
      expect((error as Error).message).toMatch(/^DeadLetters/);
    },
  );
});

it('is provided by the module, with its connection, and ends with the application', async () => {
  const broker = new FakeBroker('3.10.8', ['a']);
  @Injectable()
  class Support {
    constructor(@Inject(DeadLetters) readonly deadLetters: DeadLetters) {}
  }
  const connect = async () => {
    const connection = await broker.connect();
    // For what the module itself publishes.
    return Object.assign(connection, { createConfirmChannel: connection.createChannel });
  };
  @Module({
    imports: [RabbitMqModule.forRoot({ connect: connect as never })],
    providers: [Support],
  })
  class AppModule {}
  const { app, close } = await openContext(AppModule);
  const { deadLetters } = app.get(Support);
  await expect(deadLetters.list('q')).resolves.toMatchObject({ looked: 1 });
  await close();
  await expect(deadLetters.list('q')).rejects.toThrow(/DeadLetters was closed/);
});
