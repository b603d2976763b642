import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import {
  Controller,
  Inject,
  Module,
  Post,
  Scope,
  UseInterceptors,
  type CallHandler,
  type NestInterceptor,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import {
  ClientProxyFactory,
  GrpcMethod,
  MessagePattern,
  Transport,
  type TcpOptions,
} from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { freePort, openApp, openMicroservice, waitFor } from '@acme/internal-testing';
import { Idempotent, IdempotencyModule, InMemoryIdempotencyStore } from '@acme/nest-idempotency';
import { credentials, loadPackageDefinition, Metadata } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import {
  concat,
  defer,
  EMPTY,
  first,
  from,
  lastValueFrom,
  map,
  of,
  race,
  Subject,
  throwError,
  toArray,
  type Observable,
} from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';

let runs = 0;
let values: () => Observable<unknown>;

beforeEach(() => {
  runs = 0;
});

/** Counts subscriptions: a function that returns an Observable has done nothing yet. */
const cold = (): Observable<unknown> =>
  defer(() => {
    runs += 1;
    return values();
  });

const hangUp = new Subject<void>();

/** As a timeout does: it answers, and is no longer interested in what the handler does. */
class HangsUp implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler): Observable<unknown> {
    return race(
      next.handle(),
      hangUp.pipe(
        first(),
        map(() => ({ hungUp: true })),
      ),
    );
  }
}

@Controller()
class Values {
  @Idempotent()
  @Post('values')
  overHttp(): Observable<unknown> {
    return cold();
  }

  @Idempotent()
  @UseInterceptors(HangsUp)
  @Post('hung-up')
  hungUp(): Observable<unknown> {
    return cold();
  }

  @Idempotent('key')
  @MessagePattern('values')
  overTcp(_request: { key: string }): Observable<unknown> {
    return cold();
  }

  @Idempotent()
  @GrpcMethod('Orders', 'Place')
  overGrpc(): Observable<unknown> {
    return cold();
  }
}

@Controller({ scope: Scope.REQUEST })
class PerRequest {
  static made = 0;
  readonly number = (PerRequest.made += 1);

  constructor(@Inject(REQUEST) private readonly request: { headers: Record<string, string> }) {}

  @Idempotent()
  @Post('per-request')
  answer() {
    return { number: this.number, key: this.request.headers['idempotency-key'] };
  }
}

@Module({
  imports: [
    IdempotencyModule.forRoot({
      namespace: 'values',
      store: new InMemoryIdempotencyStore(),
      principal: false,
    }),
  ],
  controllers: [Values, PerRequest],
})
class App {}

describe.each(['express', 'fastify'] as const)('an Observable on HTTP, %s,', (platform) => {
  const open = async () => {
    const app = await openApp(App, platform === 'fastify' ? { adapter: new FastifyAdapter() } : {});
    const post = async (path: string, key: string) => {
      const method = 'POST';
      const headers = { 'idempotency-key': `${platform}-${key}` };
      const reply = await fetch(`${app.url}/${path}`, { method, headers });
      return { status: reply.status, text: await reply.text() };
    };
    return { ...app, post };
  };

  it.each<[string, typeof values, string]>([
    ['none', () => EMPTY, ''],
    ['one', () => of({ n: 1 }), '{"n":1}'],
    ['the last of many', () => from([{ n: 1 }, { n: 2 }, { n: 3 }]), '{"n":3}'],
  ])('is replayed with its value: %s', async (which, made, text) => {
    const { post, log } = await open();
    values = made;
    const k = which;
    expect(await post('values', k)).toEqual({ status: 201, text });
    expect(await post('values', k)).toEqual({ status: 201, text });
    expect(runs).toBe(1);
    // Nest itself answers HTTP with the last value.
    expect(log.messages('warn')).toEqual([]);
  });

  it('that fails after some values is a failure, and the next attempt runs', async () => {
    const { post } = await open();
    values = () =>
      concat(
        of({ n: 1 }),
        throwError(() => new Error('too bad')),
      );
    expect((await post('values', 'fails')).status).toBe(500);
    values = () => of({ n: 2 });
    expect(await post('values', 'fails')).toEqual({ status: 201, text: '{"n":2}' });
    expect(runs).toBe(2);
  });

  it('that nobody listens to any more runs to its end, and its duplicates get the value', async () => {
    const { post } = await open();
    const result = new Subject<unknown>();
    values = () => result;
    const impatient = post('hung-up', 'k');
    await waitFor(() => runs === 1);
    hangUp.next();
    expect(await impatient).toEqual({ status: 201, text: '{"hungUp":true}' });
    expect((await post('hung-up', 'k')).status).toBe(409);
    result.next({ late: true });
    result.complete();
    const late = { status: 201, text: '{"late":true}' };
    await waitFor(async () => (await post('hung-up', 'k')).status === 201);
    expect(await post('hung-up', 'k')).toEqual(late);
    expect(runs).toBe(1);
  });

  it('and a request-scoped controller is made for every request, and answers once', async () => {
    const { post } = await open();
    const first = await post('per-request', 'a');
    const other = await post('per-request', 'b');
    expect(await post('per-request', 'a')).toEqual(first);
    expect(JSON.parse(first.text)).toMatchObject({ key: `${platform}-a` });
    expect(JSON.parse(other.text)).toMatchObject({ key: `${platform}-b` });
    expect(first.text).not.toBe(other.text);
  });
});

const expectOneWarning = (lines: readonly string[], handler: string): void => {
  expect(lines.filter((line) => line.includes(handler))).toEqual([
    expect.stringMatching(/answered with 3 values, and the caller gets the last one alone/),
  ]);
};

describe('an Observable of many values', () => {
  it('is one reply to a request, the last one, and that is said once', async () => {
    const options = { host: '127.0.0.1', port: await freePort() };
    const transport: TcpOptions = { transport: Transport.TCP, options };
    const { log } = await openMicroservice(App, transport);
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options });
    const ask = (key: string) =>
      lastValueFrom(client.send<unknown>('values', { key }).pipe(toArray()));
    values = () => from([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(await ask('many')).toEqual([{ n: 3 }]);
    expect(await ask('many')).toEqual([{ n: 3 }]);
    expect(await ask('more')).toEqual([{ n: 3 }]);
    expect(runs).toBe(2);
    expectOneWarning(log.messages('warn'), 'Values.overTcp');
    await client.close();
  });

  it('is one reply to a gRPC call', async () => {
    const protoPath = fileURLToPath(new URL('support/orders.proto', import.meta.url));
    const url = `127.0.0.1:${await freePort()}`;
    const { log } = await openMicroservice(App, {
      transport: Transport.GRPC,
      options: { package: 'orders', protoPath, url },
    });
    const { orders } = loadPackageDefinition(loadSync(protoPath)) as never as {
      orders: { Orders: new (url: string, how: unknown) => GrpcClient };
    };
    const client = new orders.Orders(url, credentials.createInsecure());
    const place = (key: string): Promise<unknown> => {
      const metadata = new Metadata();
      metadata.set('idempotency-key', key);
      return new Promise((done) =>
        client.Place({ item: 'a' }, metadata, (error, reply) => done(error ?? reply?.id)),
      );
    };
    values = () => from([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
    expect(await place('many')).toBe('c');
    expect(await place('many')).toBe('c');
    expect(runs).toBe(1);
    expectOneWarning(log.messages('warn'), 'Values.overGrpc');
    client.close();
  });
});

interface GrpcClient {
  Place(
    request: object,
    metadata: Metadata,
    callback: (error: Error | null, reply?: { readonly id: string }) => void,
  ): void;
  close(): void;
}
