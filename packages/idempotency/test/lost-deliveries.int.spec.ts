import { randomUUID } from 'node:crypto';
import { tcpProxy, testBroker, waitFor } from '@acme/internal-testing';
import { expect, it } from 'vitest';
import { startService } from './support/service.js';
import { openPostgresAndRedis } from './support/store-under-test.js';

interface Held {
  readonly held?: string;
}

it.each([
  ['nest-event', 'PostgreSQL transaction'],
  ['golevelup-event', 'Redis'],
] as const)(
  'has one effect for an event that is delivered again while it is handled, and can no longer be acked: %s, %s',
  async (door, store) => {
    const [broker, { env, charges }] = await Promise.all([testBroker(), openPostgresAndRedis()]);
    const proxy = await tcpProxy(broker.url);
    const channel = await broker.channel();
    const [queue, parked] = [broker.name('orders'), broker.name('parked')];
    await channel.assertQueue(parked, { durable: false });
    const deadLetter = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': parked };
    await channel.assertQueue(queue, { durable: false, arguments: deadLetter });
    const { child, ask } = await startService({
      store,
      doors: [door],
      amqp: proxy.url,
      queues: { nest: queue, 'golevelup-event': queue },
      env,
    });
    const order = randomUUID();
    const publish = (id: string): void => {
      const body = Buffer.from(JSON.stringify({ order: id }));
      channel.sendToQueue(queue, body, { type: 'charge', messageId: id });
    };

    await ask('arm', { point: 'hold after effect' });
    publish(order);
    await child.receive<Held>(({ held }) => held === 'after effect');
    const deliveries = (): Promise<number> => ask<number>('deliveries');
    const before = await deliveries();
    proxy.cut();
    // It comes again over a new connection, and is given back for as long as the first one is at work.
    await waitFor(async () => (await deliveries()) >= before + 2, { deadlineMs: 30_000 });
    await ask('resume');

    const mark = randomUUID();
    publish(mark);
    await waitFor(async () => (await charges(mark)) === 1, { deadlineMs: 30_000 });
    expect(await charges(order)).toBe(1);
    // That of the first delivery went to a channel that was gone: who sends it must outlive that.
    await waitFor(async () => (await ask('acks')) === 2);
    await child.kill();
    await waitFor(async () => (await broker.queue(queue))?.consumers === 0);
    expect((await broker.queue(queue))?.messages).toBe(0);
    expect(await broker.take(parked)).toEqual([]);
    await broker.close();
  },
);

it.each(['nest-request', 'golevelup-request'] as const)(
  'answers a request twice with the same bytes whose first reply went out and was not acked: %s',
  async (door) => {
    const [broker, { env, charges }] = await Promise.all([testBroker(), openPostgresAndRedis()]);
    const channel = await broker.channel();
    const queue = broker.name('requests');
    await channel.assertQueue(queue, { durable: false });
    const start = () =>
      startService({
        store: 'PostgreSQL transaction',
        doors: [door],
        amqp: broker.url,
        queues: { nest: queue, 'golevelup-request': queue },
        env,
      });
    const replies: string[] = [];
    const replyTo = 'amq.rabbitmq.reply-to';
    await channel.consume(replyTo, (reply) => void replies.push(String(reply!.content)), {
      noAck: true,
    });
    const order = randomUUID();

    const victim = await start();
    await victim.ask('arm', { point: 'instead of ack' });
    // With an id, Nest takes it for a request.
    const body =
      door === 'nest-request' ? { pattern: 'ask', data: { order }, id: order } : { order };
    channel.sendToQueue(queue, Buffer.from(JSON.stringify(body)), {
      messageId: order,
      replyTo,
      correlationId: order,
    });
    expect(await victim.child.exited).toMatchObject({ signal: 'SIGKILL' });
    const heir = await start();
    await waitFor(() => replies.length === 2);
    expect(replies[1]).toBe(replies[0]);
    expect(replies[0]).toContain(`"by":${victim.child.pid}`);
    expect(await charges(order)).toBe(1);
    await waitFor(async () => (await heir.ask('acks')) === 1);
    await heir.child.kill();
    await waitFor(async () => (await broker.queue(queue))?.consumers === 0);
    expect((await broker.queue(queue))?.messages).toBe(0);
    await broker.close();
  },
);
