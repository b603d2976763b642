import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { freePort, testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { Logger } from '@nestjs/common';
import { credentials, loadPackageDefinition, Metadata, type Client } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import {
  ClientProxyFactory,
  RmqRecordBuilder,
  Transport,
  type ClientProxy,
} from '@nestjs/microservices';
import type { Channel } from 'amqplib';
import { lastValueFrom } from 'rxjs';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startService, type Door, type Service } from './service.js';
import type { StoreUnderTest } from './store-under-test.js';

const CALLS = 100;
const PROCESSES = 3;
/** Long enough that duplicates come while the first one runs. */
const HANDLING_MS = 50;
const DOORS: readonly Door[] = [
  'http',
  'grpc',
  'nest-request',
  'nest-event',
  'golevelup-request',
  'golevelup-event',
];
const replyTo = 'amq.rabbitmq.reply-to';

type GrpcClient = Client & {
  Place(
    request: object,
    metadata: Metadata,
    callback: (error: Error | null, reply?: { id: string }) => void,
  ): unknown;
};

/** 100 duplicates at once over three processes that share the store, through every door. */
export function describeDuplicates(store: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${CALLS} duplicates over ${PROCESSES} processes, ${store}`, () => {
    let broker: TestBroker;
    let channel: Channel;
    let nest: ClientProxy;
    let grpc: GrpcClient[];
    let services: Service[];
    let charges: StoreUnderTest['charges'];
    let queues: Record<'nest' | 'golevelup-event' | 'golevelup-request' | 'parked', string>;
    let order: string;
    let delivered = 0;
    const answers = new Map<string, (reply: string) => void>();

    beforeAll(async () => {
      // No application is opened here that would give Nest a logger.
      Logger.overrideLogger(false);
      const [under, opened, ...ports] = await Promise.all([
        open(),
        testBroker(),
        ...Array.from({ length: PROCESSES }, () => freePort()),
      ]);
      broker = opened;
      ({ charges } = under);
      channel = await broker.channel();
      queues = {
        nest: broker.name('nest'),
        'golevelup-event': broker.name('event'),
        'golevelup-request': broker.name('request'),
        parked: broker.name('parked'),
      };
      const deadLetter = {
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': queues.parked,
      };
      await channel.assertQueue(queues.parked, { durable: false });
      for (const name of ['nest', 'golevelup-event', 'golevelup-request'] as const)
        await channel.assertQueue(queues[name], { durable: false, arguments: deadLetter });
      await channel.consume(
        replyTo,
        (reply) => answers.get(reply!.properties.correlationId as string)?.(String(reply!.content)),
        { noAck: true },
      );
      nest = ClientProxyFactory.create({
        transport: Transport.RMQ,
        options: { urls: [broker.url], queue: queues.nest, noAssert: true },
      });
      services = await Promise.all(
        ports.map((port) =>
          startService({
            store,
            doors: DOORS,
            amqp: broker.url,
            queues,
            env: { ...under.env, GRPC_PORT: String(port), PREFETCH: '40' },
          }),
        ),
      );
      grpc = clientsOf(ports);
      return async () => {
        await nest.close();
        for (const client of grpc) client.close();
        await Promise.all(services.map(({ child }) => child.kill()));
        // Nobody is left to hold a message: had one not been acked, it would be here.
        for (const queue of Object.values(queues)) {
          await waitFor(async () => (await broker.queue(queue))?.consumers === 0);
          expect((await broker.queue(queue))?.messages).toBe(0);
        }
      };
    });

    beforeEach(() => {
      order = randomUUID();
    });

    const body = () => ({ order, ms: HANDLING_MS });
    const message = (extra: object = {}) =>
      [Buffer.from(JSON.stringify(body())), { messageId: order, ...extra }] as const;
    const overHttp = async (n: number): Promise<unknown> => {
      const reply = await fetch(`${services[n % PROCESSES]!.url}/charge`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': order },
        body: JSON.stringify(body()),
      });
      return { status: reply.status, body: await reply.json() };
    };
    const overGrpc = (n: number): Promise<unknown> =>
      new Promise((done, fail) => {
        const metadata = new Metadata();
        metadata.set('idempotency-key', order);
        grpc[n % PROCESSES]!.Place({ item: order }, metadata, (error, reply) =>
          error ? fail(error) : done(reply),
        );
      });
    const asked = (): Promise<unknown> => {
      const record = new RmqRecordBuilder(body()).setOptions({
        headers: { 'idempotency-key': order },
      });
      return lastValueFrom(nest.send('ask', record.build()));
    };
    const requested = (): Promise<unknown> =>
      new Promise((done) => {
        const correlationId = randomUUID();
        answers.set(correlationId, done);
        channel.sendToQueue(queues['golevelup-request'], ...message({ replyTo, correlationId }));
      });

    /** Every delivery was acked, and none twice. */
    const settled = async (): Promise<void> => {
      delivered += CALLS;
      await waitFor(async () => {
        const acks = await Promise.all(services.map(({ ask }) => ask<number>('acks')));
        return acks.reduce((sum, one) => sum + one, 0) === delivered;
      });
      expect(await broker.take(queues.parked)).toEqual([]);
    };

    it.each([
      ['HTTP', overHttp, false],
      ['gRPC', overGrpc, false],
      ['a Nest request over RabbitMQ', asked, true],
      ['a golevelup request', requested, true],
    ] as const)('%s: one effect, one reply for all', async (_, call, overRabbit) => {
      const replies = await Promise.all(Array.from({ length: CALLS }, (__, n) => call(n)));
      expect(new Set(replies.map((reply) => JSON.stringify(reply))).size).toBe(1);
      expect(JSON.stringify(replies[0])).toMatch(new RegExp(services.map(pidOf).join('|')));
      expect(await charges(order)).toBe(1);
      if (overRabbit) await settled();
    });

    it.each(['nest', 'golevelup-event'] as const)(
      'an event, %s: one effect, all acked, none parked',
      async (queue) => {
        for (let n = 0; n < CALLS; n += 1)
          channel.sendToQueue(queues[queue], ...message({ type: 'charge' }));
        await settled();
        expect(await charges(order)).toBe(1);
      },
    );

    it('a plain method: one effect, one result for all', async () => {
      const calls = [34, 33, 33];
      const results = await Promise.all(
        services.map(({ ask }, n) => ask<object[]>('many', { ...body(), calls: calls[n] })),
      );
      expect(results.flat()).toHaveLength(CALLS);
      expect(new Set(results.flat().map((result) => JSON.stringify(result))).size).toBe(1);
      expect(await charges(order)).toBe(1);
    });
  });
}

const pidOf = ({ child }: Service): string => String(child.pid);

function clientsOf(ports: readonly number[]): GrpcClient[] {
  const protoPath = fileURLToPath(new URL('orders.proto', import.meta.url));
  const { orders } = loadPackageDefinition(loadSync(protoPath, { longs: String })) as never as {
    orders: { Orders: new (url: string, how: unknown) => GrpcClient };
  };
  return ports.map((port) => new orders.Orders(`127.0.0.1:${port}`, credentials.createInsecure()));
}
