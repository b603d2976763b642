import { declareQueue, testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { RabbitMqHealthIndicator } from '@acme/nest-rabbitmq';
import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConsumerGround } from './support/consumer-ground.js';
import { CONSUMERS, slug, type Consumer } from './support/consumers.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

afterEach(() => ConsumerGround.closeAll());

describe.each(CONSUMERS)('the watchdog of %s', (kind, open) => {
  const ground = () => {
    const own = new ConsumerGround(broker, open, `${slug(kind)}-watched`);
    const { name, queue, start, publish } = own;
    const declare = () => declareQueue(broker, name);
    const send = async (messageId: string) => {
      const channel = await broker.confirmChannel();
      channel.sendToQueue(queue, Buffer.from('{}'), { type: 'placed', messageId });
      await channel.waitForConfirms();
      await channel.close();
    };
    /** The broker tells the consumer that it is one no longer. */
    const remove = async () => {
      const channel = await broker.channel();
      await channel.deleteQueue(queue);
      await channel.close();
    };
    const consumers = async () => (await broker.queue(queue))?.consumers;
    return { queue, start, declare, publish, send, remove, consumers };
  };
  const ids = ({ handled }: Consumer) => handled.map(({ message }) => message.messageId);
  const health = ({ app }: Consumer) => app.get(RabbitMqHealthIndicator).isHealthy();

  it.each(['quorum', 'classic'] as const)(
    'consumes again, with its bindings, when somebody has deleted its %s queue',
    async (queueType) => {
      const { queue, start, publish, remove, consumers } = ground();
      const consumer = await start({ queueType, module: { queueType } });
      await waitFor(async () => (await consumers()) === 1);
      await remove();
      await waitFor(async () => (await consumers()) === 1);
      await publish('m-1');
      await waitFor(() => consumer.handled.length === 1);
      const { log } = consumer;
      expect(log.messages('warn').join('\n')).toContain(`ended the consumer of "${queue}"`);
      expect(log.messages('log').join('\n')).toContain(`"${queue}" is consumed again`);
      await consumer.close();
      expect((await broker.queue(queue))?.messages).toBe(0);
    },
  );

  it('consumes again where the connection for retries leads elsewhere, or nowhere', async () => {
    const { queue, start, publish, remove, consumers } = ground();
    const connect = () => Promise.reject(new Error('there is no broker here'));
    const consumer = await start({ module: { connect } });
    await waitFor(async () => (await consumers()) === 1);
    await remove();
    await waitFor(async () => (await consumers()) === 1);
    await publish('m-1');
    await waitFor(() => consumer.handled.length === 1);
    await consumer.close();
    expect((await broker.queue(queue))?.messages).toBe(0);
  });

  it('settles what it was handling when its queue went away, at no cost for the connection', async () => {
    const { start, publish, remove, consumers } = ground();
    let release!: () => void;
    const released = new Promise<void>((done) => (release = done));
    const consumer = await start({ handle: (_, n) => (n === 1 ? released : undefined) });
    await publish('m-1');
    await waitFor(() => consumer.handled.length === 1);
    await remove();
    await waitFor(async () => (await consumers()) === 1);
    release();
    await publish('m-2');
    await waitFor(() => consumer.handled.length === 2);
    await publish('m-3');
    await waitFor(() => consumer.handled.length === 3);
    expect(ids(consumer)).toEqual(['m-1', 'm-2', 'm-3']);
    expect(consumer.log.messages('error')).toEqual([]);
  });

  it('keeps the prefetch of a consumer that it has started again', async () => {
    const { queue, start, publish, remove, consumers } = ground();
    let release!: () => void;
    const released = new Promise<void>((done) => (release = done));
    const consumer = await start({ prefetch: 2, handle: () => released });
    await waitFor(async () => (await consumers()) === 1);
    await remove();
    await waitFor(async () => (await consumers()) === 1);
    await publish('m-1', 'm-2', 'm-3', 'm-4', 'm-5');
    await waitFor(async () => (await broker.queue(queue))?.messages === 3);
    expect(consumer.handled).toHaveLength(2);
    release();
    await waitFor(() => consumer.handled.length === 5);
  });

  it('waits for a queue that somebody else declares, and says so', async () => {
    const { queue, start, declare, send, remove, consumers } = ground();
    await declare();
    const consumer = await start({ declares: false });
    await waitFor(async () => (await consumers()) === 1);
    await remove();
    await waitFor(() =>
      consumer.log.messages('error').some((text) => text.includes(`no queue "${queue}" any more`)),
    );
    await expect(health(consumer)).resolves.toMatchObject({
      rabbitmq: { status: 'up', consumers: 0, detached: [queue] },
    });
    await expect(
      consumer.app.get(RabbitMqHealthIndicator).isHealthy('q', { maxDetached: 0 }),
    ).rejects.toThrow('maxDetached');
    await expect(
      consumer.app.get(RabbitMqHealthIndicator).isHealthy('q', { maxDetached: 1 }),
    ).resolves.toEqual({
      q: expect.objectContaining({
        status: 'down',
        problems: [`"${queue}" is not consumed.`],
      }) as object,
    });
    expect(await broker.queue(queue)).toBeUndefined();
    await declare();
    await waitFor(async () => (await consumers()) === 1);
    await send('m-1');
    await waitFor(() => consumer.handled.length === 1);
    await waitFor(async () => (await health(consumer)).rabbitmq.unsettled === 0);
    await expect(health(consumer)).resolves.toEqual({
      rabbitmq: { status: 'up', consumers: 1, detached: [], unsettled: 0 },
    });
  });

  it('does not wait for the queue when the application closes', async () => {
    const { start, declare, remove, consumers } = ground();
    await declare();
    const consumer = await start({ declares: false });
    await waitFor(async () => (await consumers()) === 1);
    await remove();
    await waitFor(() => consumer.log.messages('error').length > 0);
    await consumer.close();
    await declare();
    expect(await consumers()).toBe(0);
  });
});

describe('a consumer that the application ends itself', () => {
  it('is missed by nobody', async () => {
    const [, openGolevelup] = CONSUMERS.find(([kind]) => kind === 'golevelup')!;
    const { app } = await new ConsumerGround(broker, openGolevelup, 'ended').start();
    const indicator = app.get(RabbitMqHealthIndicator);
    await waitFor(async () => (await indicator.isHealthy()).rabbitmq.consumers === 1);
    const connection = app.get(AmqpConnection);
    await connection.cancelConsumer(connection.consumerTags[0]!);
    await expect(indicator.isHealthy()).resolves.toEqual({
      rabbitmq: { status: 'up', consumers: 0, detached: [], unsettled: 0 },
    });
  });
});
