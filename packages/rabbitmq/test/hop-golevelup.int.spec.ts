// What only golevelup has: batches, and requests that look for their routing key.
import 'reflect-metadata';
import { openContext, testBroker, waitFor } from '@acme/internal-testing';
import {
  MessageContext,
  MessageContextModule,
  type AmqpDeliveryLike,
} from '@acme/nest-message-context';
import { RabbitMqModule } from '@acme/nest-rabbitmq';
import { RabbitMQModule, RabbitRPC, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Injectable, Module } from '@nestjs/common';
import { connect } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';

// Here and not in a hook: the decorators need its names.
const broker = await testBroker();
const EVENTS = broker.name('events');
const RETRY = { attempts: 3, backoff: 'fixed', initial: 50, jitter: false } as const;
const on = (routingKey: string, channel?: string) => {
  for (const suffix of ['retry.50', 'dlq']) broker.name(`${routingKey}.${suffix}`);
  return {
    exchange: EVENTS,
    routingKey,
    queue: broker.name(routingKey),
    queueOptions: {
      durable: true,
      arguments: { 'x-queue-type': 'quorum' },
      ...(channel === undefined ? {} : { channel }),
    },
  };
};

type Seen = [id: unknown, attempt: unknown][];
const batches: Seen[] = [];
const requests: { readonly id: unknown; readonly attempt: number; readonly at: number }[] = [];

/** Fails the request, or answers it. */
let isUp = false;
function ask(): string {
  const { messageId, attempt } = MessageContext.require().message;
  requests.push({ id: messageId, attempt, at: performance.now() });
  if (!isUp) throw new Error('not now');
  return 'answer';
}

function fail(): never {
  const deliveries = MessageContext.require().message.raw as AmqpDeliveryLike[];
  batches.push(
    deliveries.map(({ properties }) => [
      properties.messageId,
      properties.headers?.['x-attempt'] ?? 1,
    ]),
  );
  throw new Error('not now');
}

@Injectable()
class Subscriber {
  @RabbitSubscribe({ ...on('batch', 'batches'), batchOptions: { size: 5, timeout: 100 } })
  async batch(): Promise<void> {
    fail();
  }

  @RabbitRPC(on('recovers'))
  async recovers(): Promise<string> {
    return ask();
  }

  @RabbitRPC(on('fails'))
  async fails(): Promise<string> {
    return ask();
  }
}

@Module({
  imports: [
    MessageContextModule.forRoot(),
    RabbitMqModule.forRoot({ connect: () => connect(broker.url), retry: RETRY }),
    RabbitMQModule.forRoot({
      uri: broker.url,
      exchanges: [{ name: EVENTS, type: 'topic' }],
      connectionInitOptions: { wait: true },
      prefetchCount: 10,
      channels: { batches: { prefetchCount: 5 } },
    }),
  ],
  providers: [Subscriber],
})
class AppModule {}

async function publish(routingKey: string, ids: readonly string[], properties: object = {}) {
  const channel = await broker.confirmChannel();
  for (const messageId of ids)
    channel.publish(EVENTS, routingKey, Buffer.from('{}'), { messageId, ...properties });
  await channel.waitForConfirms();
  await channel.close();
}

const depth = async (queue: string) => (await broker.queue(broker.name(queue)))?.messages ?? 0;
const parked = async (queue: string, count: number) => {
  await waitFor(async () => (await depth(queue)) >= count, {
    deadlineMs: 20_000,
    what: `${count} messages in ${queue}`,
  });
  return broker.take(broker.name(queue));
};

describe('RabbitMqModule behind golevelup', () => {
  beforeAll(async () => {
    await openContext(AppModule);
  });

  it('retries every message of a batch that fails, each with its own attempt', async () => {
    await publish('batch', ['a-1', 'a-2', 'a-3']);
    await waitFor(() => batches.length === 1);
    // These join the others on their way.
    await publish('batch', ['b-1', 'b-2']);
    const messages = await parked('batch.dlq', 5);

    const seen = new Map<unknown, unknown[]>();
    for (const [id, attempt] of batches.flat()) seen.set(id, [...(seen.get(id) ?? []), attempt]);
    const ids = ['a-1', 'a-2', 'a-3', 'b-1', 'b-2'];
    expect([...seen].toSorted()).toEqual(ids.map((id) => [id, [1, 2, 3]]));
    const ends = messages.map(({ properties: { messageId, headers } }) => [
      messageId,
      headers?.['x-attempt'],
      headers?.['x-error-code'],
    ]);
    expect(ends.toSorted()).toEqual(ids.map((id) => [id, 3, 'RETRIES_EXHAUSTED']));
    await expect(depth('batch')).resolves.toBe(0);
    await expect(depth('batch.retry.50')).resolves.toBe(0);
  });

  const request = async (routingKey: string) => {
    const replies = await broker.channel();
    const { queue: replyTo } = await replies.assertQueue('', { exclusive: true });
    const answers: string[] = [];
    await replies.consume(replyTo, (message) => answers.push(String(message?.content)), {
      noAck: true,
    });
    requests.length = 0;
    await publish(routingKey, ['r-1'], { replyTo, correlationId: 'c-1' });
    return answers;
  };

  it('gives a request that fails back to its queue after a pause, and answers it in the end', async () => {
    isUp = false;
    const answers = await request('recovers');
    await waitFor(() => requests.length === 1);
    isUp = true;
    await waitFor(() => answers.length === 1, { what: 'the answer' });
    expect(answers).toEqual(['"answer"']);
    expect(requests.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(requests[1]!.at - requests[0]!.at).toBeGreaterThan(500);
    await expect(depth('recovers.retry.50')).resolves.toBe(0);
  });

  it('parks a request that fails as often as it may, without an answer that looks like success', async () => {
    isUp = false;
    const answers = await request('fails');
    const [message] = await parked('fails.dlq', 1);
    expect(message?.properties).toMatchObject({ messageId: 'r-1', correlationId: 'c-1' });
    expect(message?.properties.headers).toMatchObject({
      'x-attempt': 3,
      'x-error-code': 'RETRIES_EXHAUSTED',
    });
    expect(requests.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(requests[2]!.at - requests[0]!.at).toBeGreaterThan(1_500);
    expect(answers).toEqual([]);
    await expect(depth('fails')).resolves.toBe(0);
  });
});
