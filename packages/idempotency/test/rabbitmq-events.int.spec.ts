import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import {
  Controller,
  Inject,
  Module,
  UseGuards,
  type CanActivate,
  type INestMicroservice,
} from '@nestjs/common';
import {
  ClientProxyFactory,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RmqContext,
  RmqRecordBuilder,
  Transport,
  type ClientProxy,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import {
  openMicroservice,
  testBroker,
  testDatabase,
  waitFor,
  type Opened,
  type RecordingLogger,
  type TestBroker,
  type TestDatabase,
} from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyInfo,
  IdempotencyModule,
  PostgresIdempotencyStore,
} from '@acme/nest-idempotency';
import { PlainJsonDeserializer } from '@acme/nest-message-context';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import type { Channel } from 'amqplib';
import { lastValueFrom } from 'rxjs';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chargesOf, createCharges, Gate, Ledger } from './support/ledger.js';

interface OrderPlaced {
  readonly order: string;
}

let runs = 0;
let deliveries = 0;
let gate: Gate | undefined;

class CountDeliveries implements CanActivate {
  canActivate(): boolean {
    deliveries += 1;
    return true;
  }
}

interface ChannelLike {
  ack(message: unknown): void;
  nack(message: unknown, allUpTo: boolean, requeue: boolean): void;
}

@Controller()
class Billing {
  constructor(@Inject(Ledger) private readonly ledger: Ledger) {}

  @UseGuards(CountDeliveries)
  @Idempotent({ name: 'billing.charge' })
  @EventPattern('order.placed.v1')
  async onOrderPlaced(@Payload() { order }: OrderPlaced): Promise<void> {
    runs += 1;
    await this.ledger.charge(order);
    await gate?.passed;
  }

  @EventPattern('by-order')
  @Idempotent('order')
  async byOrder(@Payload() { order }: OrderPlaced): Promise<void> {
    runs += 1;
    await this.ledger.charge(order);
  }

  @Idempotent()
  @EventPattern('fails-once')
  async failsOnce(@Payload() { order }: OrderPlaced): Promise<void> {
    runs += 1;
    await this.ledger.charge(order);
    if (runs === 1) throw new Error('once');
  }

  @Idempotent()
  @EventPattern('nacked-by-hand')
  async nackedByHand(@Payload() { order }: OrderPlaced, @Ctx() context: RmqContext): Promise<void> {
    runs += 1;
    await this.ledger.charge(order);
    if (runs === 1)
      (context.getChannelRef() as ChannelLike).nack(context.getMessage(), false, true);
  }

  @Idempotent()
  @EventPattern('for-two')
  async forTwo(@Payload() { order }: OrderPlaced): Promise<void> {
    runs += 1;
    await this.ledger.charge(order);
    await gate?.passed;
  }

  @Idempotent({ fingerprint: true })
  @EventPattern('compared')
  async compared(@Payload() { order }: OrderPlaced): Promise<void> {
    runs += 1;
    await this.ledger.charge(order);
  }

  @Idempotent()
  @EventPattern('unused')
  async unused(): Promise<void> {
    runs += 1;
  }

  @Idempotent()
  @MessagePattern('ask-unused')
  async askUnused(): Promise<void> {
    runs += 1;
  }

  @Idempotent()
  @MessagePattern('ask')
  async ask(@Payload() { order }: OrderPlaced) {
    runs += 1;
    await this.ledger.charge(order);
    await gate?.passed;
    return { run: runs, at: new Date(0), derived: IdempotencyInfo.current()?.deriveKey('card') };
  }

  @Idempotent()
  @MessagePattern('unkept')
  async unkept(@Payload() { order }: OrderPlaced) {
    runs += 1;
    await this.ledger.charge(order);
    return { run: runs, later: () => 1 };
  }
}

/** Another handler of an event of Billing's. */
@Controller()
class Audit {
  static runs = 0;

  @EventPattern('for-two')
  async forTwo(@Ctx() context: RmqContext): Promise<void> {
    Audit.runs += 1;
    if (Audit.runs === 1)
      (context.getChannelRef() as ChannelLike).nack(context.getMessage(), false, true);
    gate?.open();
  }
}

describe('stock Nest RabbitMQ, PostgreSQL, transaction mode', () => {
  let database: TestDatabase;
  let broker: TestBroker;
  let channel: Channel;
  let client: ClientProxy;
  let openConsumer: () => Promise<Opened<INestMicroservice>>;
  let log: RecordingLogger;
  let queue: string;
  let parked: string;
  let order: string;

  beforeAll(async () => {
    [database, broker] = await Promise.all([testDatabase(), testBroker()]);
    await createCharges(database);
    channel = await broker.channel();
    [queue, parked] = [broker.name('billing'), broker.name('parked')];
    await channel.assertQueue(parked, { durable: false });
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
        IdempotencyModule.forRootAsync({
          useFactory: () => ({
            namespace: 'billing',
            store: new PostgresIdempotencyStore({ schema: database.schema }),
            migrate: true,
            waitTimeout: '100ms',
            retryAfter: '50ms',
          }),
        }),
      ],
      controllers: [Billing, Audit],
      providers: [Ledger],
    })
    class BillingModule {}
    const options = {
      urls: [broker.url],
      queue,
      prefetchCount: 1,
      queueOptions: {
        durable: false,
        arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': parked },
      },
    };
    const transport: MicroserviceOptions = {
      transport: Transport.RMQ,
      options: { ...options, noAck: false, deserializer: new PlainJsonDeserializer() },
    };
    openConsumer = () => openMicroservice(BillingModule, transport);
    ({ log } = await openConsumer());
    client = ClientProxyFactory.create({ transport: Transport.RMQ, options });
    return () => client.close();
  });

  beforeEach(() => {
    runs = deliveries = 0;
    gate = undefined;
    order = randomUUID();
  });

  const publish = (
    type: string,
    options: object = { messageId: order },
    body: object = { order },
  ) => void channel.sendToQueue(queue, Buffer.from(JSON.stringify(body)), { type, ...options });
  const charges = (): Promise<number> => chargesOf(database, order);

  /** Everything was settled: prefetch is 1, so the next message comes only after the last one was acked. */
  const settled = async (): Promise<void> => {
    const mark = randomUUID();
    publish('by-order', {}, { order: mark });
    await waitFor(() => chargesOf(database, mark).then((count) => count === 1));
    await waitFor(() => broker.queue(queue).then((state) => state?.messages === 0));
  };

  it('has one effect for an event that comes twice, and acks both', async () => {
    publish('order.placed.v1');
    publish('order.placed.v1');
    await settled();
    expect(await charges()).toBe(1);
    expect(await broker.take(parked)).toEqual([]);
  });

  it('takes the idempotency key of the header for the same event under another message id', async () => {
    const headers = { 'Idempotency-Key': order };
    publish('order.placed.v1', { messageId: randomUUID(), headers });
    publish('order.placed.v1', { messageId: randomUUID(), headers });
    await settled();
    expect(await charges()).toBe(1);
  });

  it('takes a key of the business from the payload', async () => {
    publish('by-order', { messageId: randomUUID() });
    publish('by-order', { messageId: randomUUID() });
    await settled();
    expect(await charges()).toBe(1);
  });

  it('leaves nothing of a failed attempt, and runs the redelivery', async () => {
    publish('fails-once');
    await waitFor(() => runs === 2);
    await settled();
    expect(await charges()).toBe(1);
  });

  it('does not take an event that was refused by hand for done', async () => {
    publish('nacked-by-hand');
    await waitFor(() => runs === 2);
    await settled();
    expect(await charges()).toBe(1);
  });

  it('does not undo what one handler of an event has done when another one refuses it by hand', async () => {
    gate = new Gate();
    publish('for-two');
    await waitFor(() => Audit.runs === 2);
    await settled();
    expect([runs, await charges()]).toEqual([2, 1]);
  });

  it('parks an event without a key, and one whose key was used for another', async () => {
    publish('order.placed.v1', {});
    publish('compared');
    publish('compared', { messageId: order }, { order, more: 1 });
    await settled();
    expect(await charges()).toBe(1);
    await waitFor(() => broker.queue(parked).then((state) => state?.messages === 2));
    await broker.take(parked);
  });

  it('says once that a transaction was not used, whoever says it: a driver of events, nobody of requests', async () => {
    const lines = (): string[] => log.messages().filter((text) => text.includes('never used'));
    publish('unused');
    await waitFor(() => broker.queue(parked).then((state) => state?.messages === 1));
    expect(lines()).toEqual([expect.stringMatching(/"unused" .* failed: TransactionUnusedError/)]);
    await broker.take(parked);
    const record = new RmqRecordBuilder({}).setOptions({ headers: { 'idempotency-key': order } });
    const asking = lastValueFrom(client.send('ask-unused', record.build()));
    await expect(asking).rejects.toMatchObject({ code: 'TRANSACTION_UNUSED' });
    expect(lines().slice(1)).toEqual([expect.stringMatching(/^Billing.askUnused: TRANSACTION_/)]);
  });

  it('gives a duplicate of a running event back, and acks it only when the first one is done', async () => {
    const second = await openConsumer();
    gate = new Gate();
    publish('order.placed.v1');
    publish('order.placed.v1');
    await waitFor(() => deliveries >= 4);
    expect([runs, await charges()]).toEqual([1, 0]);
    gate.open();
    await waitFor(charges);
    await second.close();
    await settled();
    expect(await charges()).toBe(1);
    expect(await broker.take(parked)).toEqual([]);
  });

  it('answers a repeated request with the stored reply, to whoever asks now', async () => {
    const ask = (headers: Record<string, string>) => {
      const record = new RmqRecordBuilder({ order }).setOptions({ headers }).build();
      return lastValueFrom(client.send<{ derived: string }>('ask', record));
    };
    gate = new Gate();
    const both = [ask({ 'idempotency-key': order }), ask({ 'idempotency-key': order })];
    await waitFor(() => runs === 1);
    gate.open();
    const [first, second] = await Promise.all(both);
    expect(second).toEqual(first);
    expect(first).toMatchObject({ run: 1, at: '1970-01-01T00:00:00.000Z' });
    expect(first!.derived).toMatch(/^[0-9a-f]{64}$/);
    await expect(ask({})).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REQUIRED' });
    expect(await charges()).toBe(1);
  });

  it('tells who asks again that a reply was not kept, and acks an event of the same key', async () => {
    const headers = { 'idempotency-key': order };
    const ask = () => {
      const record = new RmqRecordBuilder({ order }).setOptions({ headers }).build();
      return lastValueFrom(client.send<object>('unkept', record));
    };
    expect(await ask()).toEqual({ run: 1 });
    await expect(ask()).rejects.toMatchObject({ code: 'IDEMPOTENCY_REPLY_NOT_KEPT' });
    publish('unkept', { headers });
    await settled();
    expect(await charges()).toBe(1);
    expect(await broker.take(parked)).toEqual([]);
  });
});
