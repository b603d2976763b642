import {
  freePort,
  openContext,
  spawnChild,
  testBroker,
  type TestBroker,
} from '@acme/internal-testing';
import {
  connectToAny,
  RabbitMqModule,
  Topology,
  type TopologyBootOptions,
} from '@acme/nest-rabbitmq';
import { Module } from '@nestjs/common';
import { connect } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import { appWith } from '../support/topology-example.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

const open = (topology: TopologyBootOptions | undefined, queues = {}) => {
  @Module({
    imports: [RabbitMqModule.forRoot({ connect: () => connect(broker.url), queues, topology })],
  })
  class AppModule {}
  return openContext(AppModule);
};

describe('a module', () => {
  it('creates what is missing before anything is consumed', async () => {
    const name = broker.name('boot');
    const { close } = await openContext(appWith({ queues: [{ name }] }, broker.url));
    expect(await broker.queue(name)).toMatchObject({ messages: 0 });
    await close();
  });

  it('is connected to whichever node answers', async () => {
    const name = broker.name('any');
    const dead = `amqp://127.0.0.1:${await freePort()}`;
    const topology = new Topology({
      connect: connectToAny([dead, broker.url], (url) => connect(url)),
      queues: [{ name }],
    });
    for (let time = 0; time < 2; time += 1)
      await expect(topology.plan()).resolves.toMatchObject({ entries: [{ state: 'missing' }] });
  });

  it("creates nothing in mode 'check', and does not start", async () => {
    const name = broker.name('check');
    await expect(open({ mode: 'check', queues: [{ name }] })).rejects.toThrow(
      /does not have the topology that is wanted:\nmissing +queue/,
    );
    expect(await broker.queue(name)).toBeUndefined();
  });

  it.each(['off', undefined] as const)('looks at nothing when told %o', async (mode) => {
    const name = broker.name(`off-${mode}`);
    const topology = mode && { mode, queues: [{ name }] };
    const { app, close } = await open(topology);
    expect(await broker.queue(name)).toBeUndefined();
    const { entries } = await app.get(Topology).plan();
    expect(entries).toHaveLength(topology ? 1 : 0);
    await close();
  });

  it('looks at what belongs to the queues that it names: all differences of a wait queue, and none of a dead-letter queue', async () => {
    const name = broker.name('own');
    const [wait, dlq] = [broker.name('own.retry.50'), broker.name('own.dlq')];
    const channel = await broker.channel();
    const other = { arguments: { 'x-max-length': 5 } };
    await channel.assertQueue(wait, other);
    await channel.assertQueue(dlq, other);
    const retry = { attempts: 2, backoff: [50], jitter: false };
    const opened = open({}, { [name]: { retry } });
    await expect(opened).rejects.toThrow(
      /^different +queue +\S+own\.retry\.50(?=[^]*x-dead-letter-exchange: wanted "", is none)(?=[^]*x-max-length: wanted none, is 5)(?=[^]*x-message-ttl: wanted 50, is none)/m,
    );
    await expect(opened).rejects.not.toThrow(/own\.dlq/);
  });
});

describe.each(['Nest', 'ReliableRmqServer', 'golevelup'])(
  'a queue that %s cannot declare',
  (client) => {
    it('is explained in the log, once and in full, before that ends the process', async () => {
      const queue = broker.name(`${client}.refused`);
      const channel = await broker.channel();
      await channel.assertQueue(queue, { arguments: { 'x-message-ttl': 5, 'x-max-length': 7 } });
      const child = spawnChild(new URL('../children/refused.mjs', import.meta.url), {
        env: { TEST_BROKER: broker.url, QUEUE: queue, CLIENT: client },
      });
      // None of the three survives it.
      expect(await child.exited).toMatchObject({ code: 1 });
      const text = child.lines.join('\n');
      expect(text).toMatch(
        /cannot declare queue "[^"]+":\ndifferent(?=[^]*x-dead-letter-exchange: wanted "dlx", is none)(?=[^]*x-max-length: wanted none, is 7)(?=[^]*x-message-ttl: wanted none, is 5)(?=[^]*x-queue-type: wanted "quorum", is (?:none|"classic"))(?=[^]*move to a new queue)/,
      );
      expect(child.lines.filter((line) => line.includes('cannot declare'))).toHaveLength(1);
      expect(await broker.queue(queue)).toMatchObject({ consumers: 0 });
    });
  },
);
