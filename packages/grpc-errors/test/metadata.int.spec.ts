// What is given along with a call arrives as it is, or the call fails before it is sent.
import 'reflect-metadata';
import { Metadata } from '@grpc/grpc-js';
import { freePort } from '@acme/internal-testing';
import { MessageContext } from '@acme/nest-message-context';
import type { GrpcCallOptions, GrpcService } from '@acme/nest-grpc-errors';
import { startGrpcTestServer, type GrpcTestServer } from '@acme/nest-grpc-errors/testing';
import type { Observable } from 'rxjs';
import { afterEach, expect, it } from 'vitest';
import { probeModule, PROTO, type Message } from './support/probe-app.js';
import { door } from './support/rest-door.js';

interface Probe {
  unary(request: Message): Promise<Message>;
  serverStream(request: Message): Observable<Message>;
}

const open: GrpcTestServer[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** Answers with what came in under these names. */
async function scene(...names: string[]) {
  const seen: (readonly unknown[])[] = [];
  const handle = (message: unknown): unknown => {
    const { metadata } = MessageContext.require().message.raw as unknown as { metadata: Metadata };
    seen.push(names.flatMap((name) => metadata.get(name)));
    return message;
  };
  const server = await startGrpcTestServer(probeModule({ handle, logging: false }), {
    packages: 'probe.v1',
    protoPath: PROTO,
  });
  open.push(server);
  return { seen, probe: server.client<GrpcService<Probe>>('probe.v1.Probe') };
}

const failed = (call: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(call).then(
    () => undefined,
    (error: unknown) => error,
  );

const broken = (fill: (metadata: Metadata) => void): Metadata => {
  const metadata = new Metadata();
  fill(metadata);
  return metadata;
};

it.each<[string, GrpcCallOptions, RegExp]>([
  [
    'a name of another alphabet',
    { metadata: { 'x-tenant-id': 'Zürich' } },
    /"x-tenant-id" .*encodeURIComponent\(value\), or Buffer\.from\(value\) under "x-tenant-id-bin"/,
  ],
  ['two lines', { metadata: { 'x-a': 'one\ntwo' } }, /"x-a" has a value that would not arrive/],
  ['a blank before it', { metadata: { 'x-a': ' one' } }, /"x-a" has a value that would not arrive/],
  ['a blank after it', { metadata: { 'x-a': 'one ' } }, /"x-a" has a value that would not arrive/],
  ['a blank in its name', { metadata: { 'x a': '1' } }, /"x a" is no key/],
  ['the name of a pseudo header', { metadata: { ':path': '/' } }, /":path" is no key/],
  ['a text for bytes', { metadata: { 'x-bin': 'one' } }, /"x-bin" takes bytes.*Buffer\.from/],
  ['bytes for a text', { metadata: { 'X-A': Buffer.from('a') } }, /"X-A" .*under "x-a-bin"/],
  ['nothing', { metadata: { 'x-a': undefined as never } }, /"x-a" is undefined/],
  ['a number', { metadata: { 'x-a': 7 as never } }, /"x-a" is 7/],
  [
    'what is of gRPC',
    { metadata: { 'grpc-timeout': '1S' } },
    /"grpc-timeout" is reserved.*timeout/,
  ],
  [
    'what is of gRPC, in a Metadata',
    { metadata: broken((metadata) => metadata.set('grpc-own', '1')) },
    /"grpc-own" is reserved/,
  ],
  ['what is of a connection', { metadata: { Connection: 'keep-alive' } }, /"Connection" is a head/],
  ['the length of a body', { metadata: { 'content-length': '5' } }, /"content-length" is a header/],
  ['the name of who calls', { metadata: { 'user-agent': 'me' } }, /"user-agent" is a header/],
  ['a key of another alphabet', { idempotencyKey: 'ключ' }, /"idempotency-key" has a value that/],
  ['a key that is none', { idempotencyKey: '' }, /idempotencyKey: "" is no key/],
])('refuses to send %s', async (_, options, said) => {
  const { seen, probe } = await scene('x-a');
  for (const call of [probe.unary({ id: 'a' }, options), nextOf(probe, options)]) {
    const error = await failed(call);
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(said);
    expect((error as Error).message).not.toContain('Zürich');
  }
  expect(seen).toEqual([]);
});

const nextOf = (probe: GrpcService<Probe>, options: GrpcCallOptions): Promise<unknown> =>
  probe.serverStream({ id: 'a' }, options)[Symbol.asyncIterator]().next();

it('sends texts, an empty one as well, and bytes', async () => {
  const { seen, probe } = await scene('x-a', 'x-none', 'x-bin');
  const metadata = { 'X-A': encodeURIComponent('Zürich'), 'x-none': '', 'x-bin': Buffer.from('ü') };
  await probe.unary({ id: 'a' }, { metadata });
  const own = broken((made) => {
    made.add('x-a', '1');
    made.add('x-a', '2');
  });
  await probe.unary({ id: 'a' }, { metadata: own });
  expect(seen).toEqual([['Z%C3%BCrich', '', Buffer.from('ü')], ['1, 2']]);
});

it('keeps what a Metadata says besides: that the call waits for its service', async () => {
  const server = await startGrpcTestServer(probeModule({ handle: (message) => message }), {
    packages: 'probe.v1',
    protoPath: PROTO,
    client: { useFactory: async () => ({ url: `127.0.0.1:${await freePort()}` }) },
  });
  open.push(server);
  const probe = server.client<GrpcService<Probe>>('probe.v1.Probe');
  const waits = new Metadata({ waitForReady: true });
  expect(await failed(probe.unary({ id: 'a' }, { timeout: 300 }))).toMatchObject({
    status: 'UNAVAILABLE',
  });
  expect(await failed(probe.unary({ id: 'a' }, { timeout: 300, metadata: waits }))).toMatchObject({
    status: 'DEADLINE_EXCEEDED',
  });
});

it('leaves out what came in, was not asked for, and cannot be sent', async () => {
  const seen: unknown[] = [];
  const { status } = await door(
    (message) => {
      const { headers } = MessageContext.require().message;
      seen.push([headers.get('traceparent'), headers.get('baggage')]);
      return message;
    },
    {
      headers: {
        traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
        baggage: 'city=Z\u00fcrich',
      },
    },
  );
  expect(status).toBe(200);
  expect(seen).toEqual([[`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, undefined]]);
});
