// What is said of a client when the application starts, and how long it can be called.
import 'reflect-metadata';
import { openContext, waitFor } from '@acme/internal-testing';
import {
  GrpcClientsModule,
  grpcServiceConfig,
  InjectGrpcService,
  type GrpcClientOptions,
  type GrpcService,
} from '@acme/nest-grpc-errors';
import { expectGrpcError } from '@acme/nest-grpc-errors/testing';
import { Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import { PROTO, type Message } from './support/probe-app.js';
import { rawServer, type RawCall } from './support/raw-server.js';

interface Probe {
  unary(request: Message): Promise<Message>;
  read(request: Message): Promise<Message>;
}

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

const base = { packages: 'probe.v1', protoPath: PROTO };
const answers = (call: RawCall): void => call.begin().message().end();
const away = (call: RawCall): void => call.only({ 'grpc-status': '14' });

async function serve(answer: (call: RawCall) => void) {
  const server = await rawServer(answer);
  open.push(server);
  return server;
}

@Injectable()
class Caller {
  constructor(@InjectGrpcService('probe.v1.Probe') readonly probe: GrpcService<Probe>) {}
}

async function start(client: GrpcClientOptions) {
  @Module({ imports: [GrpcClientsModule.register([client])], providers: [Caller] })
  class CallerModule {}
  const context = await openContext(CallerModule);
  open.push(context);
  return { probe: context.app.get(Caller).probe, log: context.log };
}

describe('a factory', () => {
  it.each<[string, () => unknown, string]>([
    ['gives nothing', () => undefined, 'useFactory: it has given undefined'],
    ['gives no address', async () => ({ url: '' }), 'url: "" is no address'],
    ['gives one of HTTP', () => ({ url: 'http://a' }), 'url: "http://a" is one of HTTP'],
    ['fails', () => Promise.reject(new Error('no configuration')), 'no configuration'],
  ])('that %s keeps the application from starting', async (_, useFactory, said) => {
    await expect(start({ ...base, useFactory: useFactory as never })).rejects.toThrow(said);
  });

  it.each<[string, Partial<GrpcClientOptions>, string]>([
    ['an address as well', { url: 'a:1' }, 'url: is not used beside useFactory'],
    ['options as well', { channelOptions: {} }, 'channelOptions: is not used beside useFactory'],
  ])('is not beside %s', (_, options, said) => {
    const useFactory = () => ({ url: 'b:1' });
    expect(() => GrpcClientsModule.register([{ ...base, ...options, useFactory }])).toThrow(said);
  });

  it('is what something is injected for', () => {
    expect(() => GrpcClientsModule.register([{ ...base, url: 'a:1', inject: [Caller] }])).toThrow(
      'inject: nothing is called with it',
    );
  });
});

it('refuses an address of HTTP: it would be a host that nobody finds', () => {
  expect(() => GrpcClientsModule.register([{ ...base, url: 'https://orders:443' }])).toThrow(
    'is one of HTTP',
  );
});

describe('a channel', () => {
  const limits = {
    maxAttempts: 2,
    initialBackoff: '0.01s',
    maxBackoff: '0.01s',
    backoffMultiplier: 1,
    retryableStatusCodes: ['UNAVAILABLE'],
  };
  const config = (policy: string): string =>
    JSON.stringify({ methodConfig: [{ name: [{}], [policy]: limits }] });
  const warned = 'has a retryPolicy or hedgingPolicy';

  it('that makes calls several times at once has none made again', async () => {
    const { url } = await serve(away);
    const channelOptions = { 'grpc.service_config': config('hedgingPolicy') };
    const { log } = await start({ ...base, url, channelOptions });
    expect(log.messages('warn').join()).toContain(warned);
  });

  it('that has a policy and may not use it leaves it to the client', async () => {
    const { url, calls } = await serve(away);
    const channelOptions = {
      'grpc.service_config': config('retryPolicy'),
      'grpc.enable_retries': 0,
    };
    const { probe, log } = await start({ ...base, url, channelOptions, retry: { initial: 1 } });
    await expectGrpcError(probe.read({ id: 'a' })).toHaveStatus('UNAVAILABLE');
    expect(calls()).toBe(3);
    expect(log.messages('warn').join()).not.toContain(warned);
  });
});

it('leaves nothing for what follows a call, where that is said', () => {
  expect(() => GrpcClientsModule.register([{ ...base, url: 'a:1', reserve: 0 }])).not.toThrow();
});

it('has of its files the packages alone that it is for', async () => {
  const files = [PROTO, PROTO.replace('probe.proto', 'probe-v2.proto')];
  const [one, two] = [await serve(answers), await serve(answers)];
  @Injectable()
  class Both {
    constructor(
      @InjectGrpcService('probe.v1.Probe') readonly v1: GrpcService<Probe>,
      @InjectGrpcService('probe.v2.Probe') readonly v2: GrpcService<Probe>,
    ) {}
  }
  const clients = [
    { packages: 'probe.v1', protoPath: files, url: one.url },
    { packages: 'probe.v2', protoPath: files, url: two.url },
  ];
  @Module({ imports: [GrpcClientsModule.register(clients)], providers: [Both] })
  class BothModule {}
  const context = await openContext(BothModule);
  open.push(context);
  const { v1, v2 } = context.app.get(Both);
  await v1.unary({ id: 'a' });
  await v2.unary({ id: 'a' });
  await v2.unary({ id: 'a' });
  expect([one.calls(), two.calls()]).toEqual([1, 2]);
});

it('goes round several addresses', async () => {
  const [one, two] = [await serve(answers), await serve(answers)];
  const config = grpcServiceConfig({ loadBalancing: 'round_robin' });
  const channelOptions = { 'grpc.service_config': config };
  const { probe } = await start({ ...base, url: `ipv4:${one.url},${two.url}`, channelOptions });
  await waitFor(async () => {
    await probe.unary({ id: 'a' });
    return one.calls() > 1 && two.calls() > 1;
  });
});

it('gives each module that registers a service its own', async () => {
  const one = await serve(answers);
  const two = await serve(answers);
  const callers: Caller[] = [];
  const moduleOf = (url: string) => {
    @Injectable()
    class Own extends Caller {
      constructor(@InjectGrpcService('probe.v1.Probe') probe: GrpcService<Probe>) {
        super(probe);
        callers.push(this);
      }
    }
    @Module({ imports: [GrpcClientsModule.register([{ ...base, url }])], providers: [Own] })
    class FeatureModule {}
    return FeatureModule;
  };
  @Module({ imports: [moduleOf(one.url), moduleOf(two.url)] })
  class BothModule {}
  open.push(await openContext(BothModule));
  for (const { probe } of callers) await probe.unary({ id: 'a' });
  expect([one.calls(), two.calls()]).toEqual([1, 1]);
});

it('leaves no connection behind when the application has shut down', async () => {
  const server = await serve(answers);
  @Module({
    imports: [GrpcClientsModule.register([{ ...base, url: server.url }])],
    providers: [Caller],
  })
  class CallerModule {}
  const context = await openContext(CallerModule);
  await context.app.get(Caller).probe.unary({ id: 'a' });
  expect(server.connections()).toBe(1);
  await context.close();
  await waitFor(() => server.connections() === 0);
});

it('can be called by who shuts down with the application', async () => {
  const { url } = await serve(answers);
  const said: unknown[] = [];
  @Injectable()
  class Leaving extends Caller implements OnApplicationShutdown {
    constructor(@InjectGrpcService('probe.v1.Probe') probe: GrpcService<Probe>) {
      super(probe);
    }
    async onApplicationShutdown(): Promise<void> {
      said.push(await this.probe.unary({ id: 'a' }).catch((error: unknown) => error));
    }
  }
  @Module({ imports: [GrpcClientsModule.register([{ ...base, url }])], providers: [Leaving] })
  class LeavingModule {}
  const context = await openContext(LeavingModule);
  await context.close();
  expect(said).toEqual([{ id: 'raw' }]);
});

it('can be called outside of any message, in a timer', async () => {
  const { url } = await serve(answers);
  const { probe } = await start({ ...base, url });
  const answer = await new Promise((done) => {
    setTimeout(() => done(probe.unary({ id: 'a' })), 1);
  });
  expect(answer).toEqual({ id: 'raw' });
});
