import { RabbitMqConfigurationError, RabbitMqModule, Topology } from '@acme/nest-rabbitmq';
import { openContext } from '@acme/internal-testing';
import { Module } from '@nestjs/common';
import { describe, expect, it } from 'vitest';

const connect = () => Promise.reject(new Error('no broker here'));

describe('a declared topology', () => {
  it('is refused where it is wrong, everything at once', () => {
    const options = {
      connect: 'amqp://h',
      timeout: 'soon',
      vhost: '/',
      exchanges: [{ name: 'e' }, { name: 'e', type: 'topic', internal: 1 }, 7],
      queues: [
        { name: '', durable: 'yes', arguments: [] },
        { name: 'q', exclusive: true, ttl: 5 },
      ],
      bindings: [
        { source: '', queue: 'q' },
        { source: 'e' },
        { source: 'e', queue: 'q', exchange: 'f', routingKey: 1 },
      ],
    };
    let error: unknown;
    try {
      new Topology(options as never);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(RabbitMqConfigurationError);
    expect((error as RabbitMqConfigurationError).problems.map((one) => one.split(':')[0])).toEqual([
      'options.vhost',
      'connect',
      'timeout',
      'exchanges[0].type',
      'exchanges[1].internal',
      'exchanges[2]',
      'queues[0].name',
      'queues[0].durable',
      'queues[0].arguments',
      'exclusive',
      'queues[1].ttl',
      'bindings[0].source',
      'bindings[1]',
      'bindings[2]',
      'bindings[2].routingKey',
      'exchanges',
    ]);
    expect(() => new Topology({ connect, queues: {} } as never)).toThrow(
      /queues: .* is not a list/,
    );
  });

  it.each([
    ['look at it', 'checkQueue'],
    ['declare it', 'assertQueue'],
  ])('is said to be refused where this user may not %s', async (_, call) => {
    const no = Object.assign(new Error('ACCESS_REFUSED - configure access refused'), { code: 403 });
    const channel = { on() {}, close: async () => {}, checkQueue: async () => {} };
    const refusing = { ...channel, [call]: () => Promise.reject(no) };
    const connection = { on() {}, close: async () => {}, createChannel: async () => refusing };
    const topology = new Topology({
      connect: async () => connection as never,
      queues: [{ name: 'q' }],
    });
    const [entry] = (await topology.plan()).entries;
    expect(entry).toMatchObject({ state: 'refused', differences: [] });
    expect(entry?.reason).toMatch(/^ACCESS_REFUSED.*Grant this user the right to configure it/);
    await expect(topology.check()).rejects.toThrow(/refused +queue +q/);
    await expect(topology.assert()).rejects.toThrow(/refused +queue +q/);
  });

  it('of a module is refused at boot as well', async () => {
    const topology = { mode: 'plan', queues: [{}], nope: 1 };
    @Module({ imports: [RabbitMqModule.forRoot({ connect, topology } as never)] })
    class AppModule {}
    await expect(openContext(AppModule)).rejects.toThrow(
      /topology\.nope(?=[^]*topology\.mode: "plan" is unknown)(?=[^]*topology\.queues\[0\]\.name)/,
    );
  });

  it('that nobody could look at keeps an application from starting, unless it is not to be looked at', async () => {
    const open = (mode: 'assert' | 'check' | 'off' | undefined) => {
      @Module({ imports: [RabbitMqModule.forRoot({ connect, topology: { mode } })] })
      class AppModule {}
      return openContext(AppModule);
    };
    for (const mode of ['check', undefined] as const)
      await expect(open(mode)).rejects.toThrow(/could not be looked at: no broker here/);
    const { app, close } = await open('off');
    await expect(app.get(Topology).plan()).rejects.toThrow('no broker here');
    await close();
  });
});
