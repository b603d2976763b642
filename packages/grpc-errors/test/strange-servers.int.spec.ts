// What a client makes of answers that no library gives: every call ends, with the error of a code.
import 'reflect-metadata';
import { constants } from 'node:http2';
import { openContext, waitFor } from '@acme/internal-testing';
import {
  GrpcClientsModule,
  InjectGrpcService,
  RemoteError,
  type GrpcClientOptions,
  type GrpcService,
} from '@acme/nest-grpc-errors';
import { Injectable, Module } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { PROTO, type Message } from './support/probe-app.js';
import { rawServer, type RawCall } from './support/raw-server.js';

interface Probe {
  unary(request: Message): Promise<Message>;
  read(request: Message): Promise<Message>;
  serverStream(request: Message): Observable<Message>;
  clientStream(requests: Observable<Message>): Promise<Message>;
}

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

@Injectable()
class Caller {
  constructor(@InjectGrpcService('probe.v1.Probe') readonly probe: GrpcService<Probe>) {}
}

async function scene(answer: (call: RawCall) => void, more: Partial<GrpcClientOptions> = {}) {
  const server = await rawServer(answer);
  open.push(server);
  const client = { packages: 'probe.v1', protoPath: PROTO, url: server.url, ...more };
  @Module({ imports: [GrpcClientsModule.register([client])], providers: [Caller] })
  class CallerModule {}
  const context = await openContext(CallerModule);
  open.push(context);
  return { probe: context.app.get(Caller).probe, calls: server.calls };
}

const statusOf = (call: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(call).then(
    (answer) => answer,
    ({ status, message }: { status?: string; message: string }) => status ?? message,
  );

const dies = ({ stream }: RawCall): void =>
  stream.session!.goaway(constants.NGHTTP2_INTERNAL_ERROR);

describe('a call whose connection HTTP/2 has ended', () => {
  it('is made again where it may be', async () => {
    const { probe, calls } = await scene(
      (call) => (call.number === 1 ? dies(call) : call.begin().message().end()),
      { retry: { initial: 1 } },
    );
    await expect(probe.read({ id: 'a' })).resolves.toEqual({ id: 'raw' });
    expect(calls()).toBe(2);
  });

  it('did not find its service otherwise', async () => {
    const { probe, calls } = await scene(dies);
    expect(await statusOf(probe.unary({ id: 'a' }))).toBe('UNAVAILABLE');
    expect(calls()).toBe(1);
  });
});

/** As proto files have it: a field of bytes. */
const bytes = (field: number, value: Uint8Array | string): Buffer => {
  const body = Buffer.from(value as string);
  const size = [(body.length & 0x7f) | 0x80, ((body.length >> 7) & 0x7f) | 0x80, body.length >> 14];
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...size]), body]);
};

/** A `google.rpc.Status` with these facts. */
function details(code: number, facts: readonly (readonly [string, string])[]): string {
  const metadata = facts.map(([key, value]) =>
    bytes(3, Buffer.concat([bytes(1, key), bytes(2, value)])),
  );
  const info = Buffer.concat([bytes(1, 'NOT_THERE'), bytes(2, 'raw.test'), ...metadata]);
  const any = [bytes(1, 'type.googleapis.com/google.rpc.ErrorInfo'), bytes(2, info)];
  return Buffer.concat([Buffer.from([8, code]), bytes(3, Buffer.concat(any))]).toString('base64');
}

const half = Buffer.from([0, 0, 0, 0, 9, 1]);

describe('an answer', () => {
  it.each<[string, (call: RawCall) => void, string]>([
    ['that never comes', () => {}, 'DEADLINE_EXCEEDED'],
    [
      'of trailers alone that say it has failed',
      (call) => call.only({ 'grpc-status': '5' }),
      'NOT_FOUND',
    ],
    [
      'of trailers alone that say it has not',
      (call) => call.only({ 'grpc-status': '0' }),
      'UNIMPLEMENTED',
    ],
    ['without a status', (call) => call.begin().message().end({ other: '1' }), 'UNKNOWN'],
    ['with a status that is none', (call) => call.only({ 'grpc-status': 'abc' }), 'UNKNOWN'],
    ['with a status that nobody knows', (call) => call.only({ 'grpc-status': '99' }), 'UNKNOWN'],
    ['of half a message', (call) => (call.begin().stream.write(half), call.end()), 'UNIMPLEMENTED'],
    [
      'of half a message, and the connection is cut',
      (call) => call.begin().stream.write(half, () => call.stream.session!.destroy()),
      'UNAVAILABLE',
    ],
    [
      'that is no message',
      (call) =>
        call
          .begin()
          .message(Buffer.from([255, 255]))
          .end(),
      'INTERNAL',
    ],
    [
      'that is too large',
      (call) => call.begin().message(Buffer.alloc(5_000_000)).end(),
      'RESOURCE_EXHAUSTED',
    ],
    [
      'that says it is four gigabytes',
      (call) => (call.begin().stream.write(Buffer.from([0, 255, 255, 255, 255])), call.end()),
      'RESOURCE_EXHAUSTED',
    ],
    [
      'of somebody who does not speak gRPC',
      ({ stream }) => (stream.respond({ ':status': 502 }), stream.end('<html>')),
      'UNAVAILABLE',
    ],
    [
      'that is refused',
      ({ stream }) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
      'UNAVAILABLE',
    ],
  ])('%s', async (_, answer, status) => {
    const { probe } = await scene(answer, { timeout: '500ms' });
    const error = await probe.unary({ id: 'a' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ status, details: {} });
    expect((error as Error).message).not.toBe('');
  });

  it.each<[string, string]>([
    ['is no base64', '!!!'],
    ['is broken', details(5, [['id', '7']]).slice(0, 40)],
    ['is of another code', details(6, [['id', '7']])],
  ])('whose status in details %s has its code alone', async (_, sent) => {
    const trailers = { 'grpc-status': '5', 'grpc-message': 'x', 'grpc-status-details-bin': sent };
    const { probe } = await scene((call) => call.only(trailers));
    await expect(probe.unary({ id: 'a' })).rejects.toMatchObject({
      status: 'NOT_FOUND',
      reason: 'NOT_FOUND',
      metadata: {},
    });
  });

  it('whose facts are called as what errors have is none the worse for it', async () => {
    class NotThereError extends Error {}
    const names = [
      '__proto__',
      'constructor',
      'then',
      'message',
      'stack',
      'cause',
      'toString',
      'id',
    ];
    const sent = details(
      5,
      names.map((name) => [name, `fact ${name}`] as const),
    );
    const trailers = { 'grpc-status': '5', 'grpc-message': 'x', 'grpc-status-details-bin': sent };
    const { probe } = await scene((call) => call.only(trailers), {
      errors: { 'raw.test': [NotThereError] },
    });
    const error = (await probe.unary({ id: 'a' }).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toBeInstanceOf(NotThereError);
    expect([error.message, error.constructor, (error as { id?: string }).id]).toEqual([
      'x',
      NotThereError,
      'fact id',
    ]);
    expect(String(error)).toBe('NotThereError: x');
    expect((error.cause as RemoteError).metadata['then']).toBe('fact then');
  });

  it.each<[string, string]>([
    ['1e3', 'no number of milliseconds'],
    ['99999999999999', 'more than anybody waits'],
  ])('that wants to be asked again in %j is not: %s', async (pushback) => {
    const { probe, calls } = await scene((call) =>
      call.only({ 'grpc-status': '14', 'grpc-retry-pushback-ms': pushback }),
    );
    expect(await statusOf(probe.read({ id: 'a' }))).toBe('UNAVAILABLE');
    expect(calls()).toBe(1);
  });
});

describe('a stream', () => {
  const read = async (probe: GrpcService<Probe>) => {
    const ids: string[] = [];
    try {
      for await (const { id } of probe.serverStream({ id: 'a' })) ids.push(id);
    } catch (error) {
      return [...ids, (error as RemoteError).status];
    }
    return ids;
  };

  it('that is cut has what came before', async () => {
    const { probe } = await scene((call) => {
      call.begin().message().message();
      setTimeout(() => call.stream.session!.destroy(), 50);
    });
    expect(await read(probe)).toEqual(['raw', 'raw', 'UNAVAILABLE']);
  });

  it('that begins while its server says goodbye is read to its end', async () => {
    const { probe } = await scene((call) => {
      call.stream.session!.goaway(constants.NGHTTP2_NO_ERROR);
      call.begin().message().end();
    });
    expect(await read(probe)).toEqual(['raw']);
  });

  it('of requests that nobody reads is no longer taken than there is room, and time', async () => {
    const { probe } = await scene(() => {});
    let taken = 0;
    let isLeft = false;
    function* endless(): Generator<Message> {
      try {
        for (;;) {
          taken += 1;
          yield { id: 'x'.repeat(100_000) };
        }
      } finally {
        isLeft = true;
      }
    }
    const call = probe.clientStream(endless() as never, { timeout: 300 });
    expect(await statusOf(call)).toBe('DEADLINE_EXCEEDED');
    await waitFor(() => isLeft);
    // What windows and buffers hold.
    expect(taken).toBeLessThan(50);
  });
});
