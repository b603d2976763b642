// A call that found its service away is made again, where it may be.
import 'reflect-metadata';
import { Metadata } from '@grpc/grpc-js';
import { openContext, waitFor } from '@acme/internal-testing';
import { MessageContext, MessageContextModule } from '@acme/nest-message-context';
import {
  GrpcClientsModule,
  GrpcError,
  InjectGrpcService,
  RemoteError,
  RemoteNotFoundError,
  RemoteUnavailableError,
  type GrpcClientOptions,
  type GrpcService,
} from '@acme/nest-grpc-errors';
import { Injectable, Module } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { afterEach, describe, expect, it } from 'vitest';
import { openProbe, PROTO, type Message } from './support/probe-app.js';

interface Probe {
  unary(request: Message): Promise<Message>;
  read(request: Message): Promise<Message>;
}

@GrpcError({ code: 'UNAVAILABLE', reason: 'AWAY', retryAfter: (error: AwayError) => error.after })
class AwayError extends Error {
  constructor(readonly after?: number) {
    super('away');
  }
}

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

/** Fails so often, then answers. */
async function scene(
  fails: (attempt: number) => unknown,
  retry: GrpcClientOptions['retry'] = { initial: 20 },
  channelOptions: GrpcClientOptions['channelOptions'] = {},
) {
  const keys: (string | undefined)[] = [];
  const at: number[] = [];
  const server = await openProbe({
    handle: () => {
      at.push(performance.now());
      keys.push(MessageContext.require().message.headers.get('idempotency-key'));
      const error = fails(at.length);
      if (error) throw error;
      return { id: 'b' };
    },
    logging: false,
  });
  open.push(server);
  @Injectable()
  class Caller {
    constructor(@InjectGrpcService('probe.v1.Probe') readonly probe: GrpcService<Probe>) {}
  }
  @Module({
    imports: [
      MessageContextModule.forRoot(),
      GrpcClientsModule.register([
        { packages: 'probe.v1', protoPath: PROTO, url: server.url, retry: retry!, channelOptions },
      ]),
    ],
    providers: [Caller],
  })
  class CallerModule {}
  const context = await openContext(CallerModule);
  open.push(context);
  const { probe } = context.app.get(Caller);
  return { probe, keys, at, log: context.log };
}

const twice = (attempt: number) => (attempt < 3 ? new AwayError() : undefined);
const always = () => new AwayError();

describe('a call that may be made again', () => {
  it('is made again where its service was away, with the same key', async () => {
    const { probe, keys } = await scene(twice);
    await expect(probe.unary({ id: 'a' }, { idempotencyKey: 'k-1' })).resolves.toEqual({ id: 'b' });
    expect(keys).toEqual(['k-1', 'k-1', 'k-1']);
  });

  it('is made again where its proto file says that it may be', async () => {
    const { probe, keys } = await scene(twice);
    await expect(probe.read({ id: 'a' })).resolves.toEqual({ id: 'b' });
    expect(keys).toHaveLength(3);
  });

  it('fails after so many attempts with what the last has failed with', async () => {
    const { probe, at } = await scene(always, { attempts: 2, initial: 10 });
    await expect(probe.read({ id: 'a' })).rejects.toMatchObject({ reason: 'AWAY' });
    expect(at).toHaveLength(2);
  });

  it('is made again when its service wants it', async () => {
    const { probe, at } = await scene((attempt) =>
      attempt === 1 ? new AwayError(400) : undefined,
    );
    await probe.read({ id: 'a' });
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(390);
  });

  it('fails at once where its service wants it later than anybody waits', async () => {
    const { probe, at } = await scene(() => new AwayError(60_000));
    const began = performance.now();
    await expect(probe.read({ id: 'a' }, { timeout: '5s' })).rejects.toBeInstanceOf(
      RemoteUnavailableError,
    );
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(at).toHaveLength(1);
  });

  it.each(['-1', 'soon'])('is not made again where the trailers say %j', async (pushback) => {
    const metadata = new Metadata();
    metadata.set('grpc-retry-pushback-ms', pushback);
    const { probe, at } = await scene(
      () => new RpcException({ code: 14, message: 'away', metadata }),
    );
    await expect(probe.read({ id: 'a' })).rejects.toBeInstanceOf(RemoteUnavailableError);
    expect(at).toHaveLength(1);
  });

  it('ends in its pause when it is given up', async () => {
    const { probe, at } = await scene(() => new AwayError(2_000));
    const stop = new AbortController();
    const call = probe.read({ id: 'a' }, { signal: stop.signal }).then(
      () => undefined,
      (error: unknown) => error,
    );
    await waitFor(() => at.length === 1);
    stop.abort();
    expect(await call).toBeInstanceOf(RemoteError);
    expect(at).toHaveLength(1);
  });

  it('is not made again where so many fail', async () => {
    const { probe, at } = await scene(always, { attempts: 10, initial: 1, max: 2 });
    await expect(probe.read({ id: 'a' })).rejects.toBeInstanceOf(RemoteUnavailableError);
    expect(at).toHaveLength(5);
    await expect(probe.read({ id: 'a' })).rejects.toBeInstanceOf(RemoteUnavailableError);
    expect(at).toHaveLength(6);
  });
});

it('leaves it to the channel where that does it', async () => {
  const policy = {
    maxAttempts: 3,
    initialBackoff: '0.01s',
    maxBackoff: '0.02s',
    backoffMultiplier: 1,
    retryableStatusCodes: ['UNAVAILABLE'],
  };
  const config = JSON.stringify({ methodConfig: [{ name: [{}], retryPolicy: policy }] });
  const { probe, at, log } = await scene(
    always,
    { attempts: 3, initial: 10 },
    { 'grpc.service_config': config },
  );
  await expect(probe.read({ id: 'a' })).rejects.toBeInstanceOf(RemoteUnavailableError);
  // By the channel alone; both together would be nine.
  expect(at).toHaveLength(3);
  expect(log.messages('warn').join()).toContain('has a retryPolicy or hedgingPolicy in its');
});

describe('a call that is made once', () => {
  it('is one that nobody says may be repeated', async () => {
    const { probe, at } = await scene(twice);
    await expect(probe.unary({ id: 'a' })).rejects.toBeInstanceOf(RemoteUnavailableError);
    expect(at).toHaveLength(1);
  });

  it('is one that says so, or whose client does', async () => {
    const first = await scene(twice);
    await expect(first.probe.read({ id: 'a' }, { retry: false })).rejects.toBeInstanceOf(
      RemoteUnavailableError,
    );
    expect(first.at).toHaveLength(1);
    const second = await scene(twice, false);
    await expect(second.probe.read({ id: 'a' })).rejects.toBeInstanceOf(RemoteUnavailableError);
    expect(second.at).toHaveLength(1);
  });

  it('is one that has an answer, although that is an error', async () => {
    const { probe, at } = await scene(() => new RpcException({ code: 5, message: 'no' }));
    await expect(probe.read({ id: 'a' })).rejects.toBeInstanceOf(RemoteNotFoundError);
    expect(at).toHaveLength(1);
  });
});
