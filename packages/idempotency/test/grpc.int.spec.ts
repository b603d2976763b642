import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Controller, Inject, Module } from '@nestjs/common';
import { GrpcMethod, GrpcStreamMethod, Transport } from '@nestjs/microservices';
import {
  freePort,
  openMicroservice,
  testDatabase,
  waitFor,
  type TestDatabase,
} from '@acme/internal-testing';
import { Idempotent, IdempotencyModule, PostgresIdempotencyStore } from '@acme/nest-idempotency';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type Client,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { of, type Observable } from 'rxjs';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chargesOf, createCharges, Gate, Ledger } from './support/ledger.js';

const protoPath = fileURLToPath(new URL('support/orders.proto', import.meta.url));

interface PlaceOrder {
  readonly requestId?: string;
  readonly item: string;
  readonly amount?: string;
}

let runs = 0;
let gate: Gate | undefined;
let more: object | undefined;

@Controller()
class Orders {
  constructor(@Inject(Ledger) private readonly ledger: Ledger) {}

  @Idempotent()
  @GrpcMethod('Orders', 'Place')
  async place({ item }: PlaceOrder) {
    runs += 1;
    await this.ledger.charge(item);
    await gate?.passed;
    return { id: `order-${runs}`, amount: '9007199254740993', ...more };
  }

  @Idempotent()
  @GrpcMethod('Orders', 'Watch')
  watch(): Observable<object> {
    runs += 1;
    return of({ id: 'a' }, { id: 'b' });
  }
}

interface Reply {
  readonly error: ServiceError | undefined;
  readonly reply: { id: string; amount: string } | undefined;
  readonly initial: Metadata | undefined;
}

type Unary = (
  request: object,
  metadata: Metadata,
  options: { deadline?: number },
  callback: (error: ServiceError | null, reply?: Reply['reply']) => void,
) => { on(event: 'metadata', listener: (metadata: Metadata) => void): void };

describe('@Idempotent() on gRPC, PostgreSQL, transaction mode', () => {
  let database: TestDatabase;
  let client: Client & { Place: Unary };
  let elsewhere: Client & { Place: Unary };
  let item: string;

  beforeAll(async () => {
    database = await testDatabase();
    await createCharges(database);
    const { orders } = loadPackageDefinition(loadSync(protoPath, { longs: String })) as never as {
      orders: { Orders: new (url: string, how: unknown) => typeof client };
    };
    const start = async () => {
      @Module({
        imports: [
          TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
          IdempotencyModule.forRoot({
            namespace: 'orders',
            store: new PostgresIdempotencyStore({ schema: database.schema }),
            migrate: true,
            principal: false,
          }),
        ],
        controllers: [Orders],
        providers: [Ledger],
      })
      class OrdersModule {}
      const url = `127.0.0.1:${await freePort()}`;
      const options = { package: 'orders', protoPath, url, loader: { longs: String } };
      await openMicroservice(OrdersModule, { transport: Transport.GRPC, options });
      return new orders.Orders(url, credentials.createInsecure());
    };
    // Both migrate, at once.
    [client, elsewhere] = await Promise.all([start(), start()]);
    return () => {
      client.close();
      elsewhere.close();
    };
  });

  beforeEach(() => {
    runs = 0;
    gate = more = undefined;
    item = randomUUID();
  });

  const place = (
    request: object = { item },
    {
      key = item,
      to = client,
      deadlineMs,
    }: { key?: string; to?: typeof client; deadlineMs?: number } = {},
  ): Promise<Reply> =>
    new Promise((done) => {
      let initial: Metadata | undefined;
      const metadata = new Metadata();
      if (key) metadata.set('idempotency-key', key);
      const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
      to.Place(request, metadata, options, (error, reply) =>
        done({ error: error ?? undefined, reply, initial }),
      ).on('metadata', (received) => (initial = received));
    });

  it('answers a duplicate with the stored reply, and says so in the initial metadata', async () => {
    const first = await place();
    const second = await place();
    expect(first.reply).toEqual({ id: 'order-1', amount: '9007199254740993' });
    expect(second.reply).toEqual(first.reply);
    expect(first.initial?.get('idempotent-replayed')).toEqual([]);
    expect(second.initial?.get('idempotent-replayed')).toEqual(['true']);
    expect([runs, await chargesOf(database, item)]).toEqual([1, 1]);
  });

  it('takes the key from request_id where the metadata has none', async () => {
    const request = { item, request_id: item, requestId: item };
    expect(await place(request, { key: '' })).toMatchObject({ reply: { id: 'order-1' } });
    expect(await place(request, { key: '' })).toMatchObject({ reply: { id: 'order-1' } });
    expect(runs).toBe(1);
  });

  it('lets a hedged pair have the one result, in one process and across two', async () => {
    gate = new Gate();
    const all = [place(), place(), place({ item }, { to: elsewhere, deadlineMs: 5_000 })];
    await waitFor(() => runs === 1);
    gate.open();
    const replies = (await Promise.all(all)).map(({ reply }) => reply?.id);
    expect(replies).toEqual(['order-1', 'order-1', 'order-1']);
    expect([runs, await chargesOf(database, item)]).toEqual([1, 1]);
  });

  it('says UNAVAILABLE, with a pushback, before the deadline of a duplicate is over', async () => {
    gate = new Gate();
    const running = place();
    await waitFor(() => runs === 1);
    const { error } = await place({ item }, { to: elsewhere, deadlineMs: 2_000 });
    gate.open();
    expect(error).toMatchObject({ code: 14 });
    expect(error?.metadata.get('grpc-retry-pushback-ms')).toEqual(['1000']);
    expect(error?.metadata.get('x-error-code')).toEqual(['IDEMPOTENCY_KEY_IN_USE']);
    // google.rpc.Status with ErrorInfo, where libraries of all languages look for it.
    expect(String(error?.metadata.get('grpc-status-details-bin')[0])).toMatch(
      /google\.rpc\.ErrorInfo[^]*IDEMPOTENCY_KEY_IN_USE[^]*google\.rpc\.RetryInfo/,
    );
    expect((await running).reply?.id).toBe('order-1');
  });

  it('says FAILED_PRECONDITION to another request, INVALID_ARGUMENT to none', async () => {
    await place();
    expect((await place({ item, amount: '2' })).error).toMatchObject({ code: 9 });
    expect((await place({ item }, { key: '' })).error).toMatchObject({ code: 3 });
  });

  it('says ALREADY_EXISTS where the call is done and its reply could not be kept', async () => {
    more = { later: () => 1 };
    expect((await place()).reply?.id).toBe('order-1');
    const { error, initial } = await place();
    expect(error).toMatchObject({ code: 6 });
    expect(initial?.get('idempotent-replayed') ?? []).toEqual([]);
    expect(error?.metadata.get('x-error-code')).toEqual(['IDEMPOTENCY_REPLY_NOT_KEPT']);
    expect([runs, await chargesOf(database, item)]).toEqual([1, 1]);
  });

  it('says UNIMPLEMENTED where the reply is a stream, before anything is run', async () => {
    const metadata = new Metadata();
    metadata.set('idempotency-key', item);
    const watching = (client as never as { Watch(...args: unknown[]): NodeJS.EventEmitter }).Watch(
      { item },
      metadata,
    );
    const error = await new Promise((done) => watching.on('error', done).on('data', done));
    expect(error).toMatchObject({ code: 12 });
    expect(runs).toBe(0);
  });
});

it('refuses at boot a stream of requests, and callers who are not told apart', async () => {
  @Controller()
  class Streaming {
    @Idempotent()
    @GrpcStreamMethod('Orders', 'Place')
    place(): void {}
  }
  @Module({ imports: [IdempotencyModule.forRoot({ namespace: 'x' })], controllers: [Streaming] })
  class StreamingModule {}
  const options = { package: 'orders', protoPath, url: `127.0.0.1:${await freePort()}` };
  const opening = openMicroservice(StreamingModule, { transport: Transport.GRPC, options });
  await expect(opening).rejects.toThrow(
    /a stream of requests is not one call.*[\s\S]*no principal/,
  );
});
