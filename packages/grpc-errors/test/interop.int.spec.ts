// Errors between this package and others of gRPC, both ways, through real servers.
import { once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, createFileRegistry, fromBinary, type DescMessage } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { freePort, openContext } from '@acme/internal-testing';
import { MessageContextModule } from '@acme/nest-message-context';
import {
  GrpcClientsModule,
  InjectGrpcService,
  RemoteInvalidArgumentError,
  type GrpcService,
  type RemoteError,
} from '@acme/nest-grpc-errors';
import { Injectable, Module } from '@nestjs/common';
import * as niceGrpc from 'nice-grpc';
import * as niceDetails from 'nice-grpc-error-details';
import { afterEach, describe, expect, it } from 'vitest';
import { openProbe, PROTO, type Message } from './support/probe-app.js';

const definitions = loadSync(PROTO);
const registry = createFileRegistry(
  create(FileDescriptorSetSchema, { file: [...filesOf(definitions), googleRpc()] }),
);
const probeService = registry.getService('probe.v1.Probe')!;
const messageOf = (name: string): DescMessage => registry.getMessage(name)!;

/** Of libraries that want generated code: what proto-loader has read is enough. */
function filesOf(loaded: PackageDefinition): Iterable<FileDescriptorProto> {
  const files = new Map<string, FileDescriptorProto>();
  for (const one of Object.values(loaded)) {
    const { fileDescriptorProtos = [] } = one as { fileDescriptorProtos?: readonly Buffer[] };
    for (const bytes of fileDescriptorProtos) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      files.set(file.name, file);
    }
  }
  return files.values();
}

/** google/rpc/error_details.proto, as far as it is looked at here. */
function googleRpc(): FileDescriptorProto {
  const { STRING: text, MESSAGE: message } = FieldDescriptorProto_Type;
  const { OPTIONAL: one, REPEATED: many } = FieldDescriptorProto_Label;
  const strings = (...names: readonly string[]) =>
    names.map((name, index) => ({ name, number: index + 1, type: text, label: one }));
  const list = (name: string, number: number, typeName: string) => ({
    name,
    number,
    type: message,
    label: many,
    typeName: `.google.rpc.${typeName}`,
  });
  return create(FileDescriptorProtoSchema, {
    name: 'google/rpc/error_details.proto',
    package: 'google.rpc',
    syntax: 'proto3',
    messageType: [
      {
        name: 'ErrorInfo',
        field: [...strings('reason', 'domain'), list('metadata', 3, 'ErrorInfo.MetadataEntry')],
        nestedType: [
          { name: 'MetadataEntry', field: strings('key', 'value'), options: { mapEntry: true } },
        ],
      },
      {
        name: 'BadRequest',
        field: [list('field_violations', 1, 'BadRequest.FieldViolation')],
        nestedType: [{ name: 'FieldViolation', field: strings('field', 'description') }],
      },
    ],
  });
}

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

const TRACE = { typeUrl: 'type.googleapis.com/acme.Trace', value: Uint8Array.of(10, 1, 97) };

class OrderError extends Error {}

/** A service of ours, and what its error says. */
async function ourServer(): Promise<string> {
  const { url, close } = await openProbe({
    handle: () => {
      throw new OrderError('The order is not valid.');
    },
    mappings: [
      [
        OrderError,
        {
          code: 'INVALID_ARGUMENT',
          reason: 'ORDER_NOT_VALID',
          metadata: () => ({ orderId: '7' }),
          details: () => ({
            badRequest: { fieldViolations: [{ field: 'sku', description: 'is unknown' }] },
            other: [TRACE],
          }),
        },
      ],
    ],
  });
  open.push(close);
  return url;
}

const info = { reason: 'ORDER_NOT_VALID', domain: 'probe.test', metadata: { orderId: '7' } };
const fieldViolations = [{ field: 'sku', description: 'is unknown' }];

/** What our client makes of the answer of another server. */
async function ourClient(url: string): Promise<RemoteError> {
  @Injectable()
  class Caller {
    constructor(
      @InjectGrpcService('probe.v1.Probe')
      readonly probe: GrpcService<{ unary(request: Message): Promise<Message> }>,
    ) {}
  }
  @Module({
    imports: [
      MessageContextModule.forRoot(),
      GrpcClientsModule.register([{ packages: 'probe.v1', protoPath: PROTO, url }]),
    ],
    providers: [Caller],
  })
  class CallerModule {}
  const { app, close } = await openContext(CallerModule);
  open.push(close);
  return app
    .get(Caller)
    .probe.unary({ id: 'a' })
    .then(
      () => expect.fail('it was answered'),
      (error: unknown) => error as RemoteError,
    );
}

const found = {
  code: Code.InvalidArgument,
  message: 'The order is not valid.',
  ...info,
  details: {
    badRequest: { fieldViolations },
    other: [TRACE],
  },
};

describe('connect', () => {
  it('reads code, message and details of our errors', async () => {
    const baseUrl = `http://${await ourServer()}`;
    const client = createClient(probeService, createGrpcTransport({ baseUrl })) as never as {
      unary(request: object): Promise<unknown>;
    };
    const error = (await client.unary({ id: 'a' }).catch(ConnectError.from)) as ConnectError;
    expect([error.code, error.rawMessage]).toEqual([
      Code.InvalidArgument,
      'The order is not valid.',
    ]);
    expect(error.findDetails(messageOf('google.rpc.ErrorInfo'))).toMatchObject([info]);
    expect(error.findDetails(messageOf('google.rpc.BadRequest'))).toMatchObject([
      { fieldViolations },
    ]);
    expect(error.details).toContainEqual({ type: 'acme.Trace', value: TRACE.value });
  });

  it('throws what we read as an error of our own', async () => {
    const detail = (name: string, value: Record<string, unknown>) => ({
      desc: messageOf(name),
      value,
    });
    const adapter = connectNodeAdapter({
      routes: (router) =>
        router.service(probeService, {
          unary: () => {
            const error = new ConnectError(found.message, Code.InvalidArgument, undefined, [
              detail('google.rpc.ErrorInfo', info),
              detail('google.rpc.BadRequest', { fieldViolations }),
            ]);
            error.details.push({ type: 'acme.Trace', value: TRACE.value });
            throw error;
          },
        } as never),
    });
    const server = createServer(adapter);
    const sessions = new Set<ServerHttp2Session>();
    server.on('session', (session) => sessions.add(session));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(async () => {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, 'close');
    });
    const error = await ourClient(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(error).toBeInstanceOf(RemoteInvalidArgumentError);
    expect(error).toMatchObject(found);
  });
});

describe('nice-grpc', () => {
  const definition = definitions['probe.v1.Probe'] as never as niceGrpc.CompatServiceDefinition;

  it('reads code, message and details of our errors', async () => {
    const channel = niceGrpc.createChannel(await ourServer());
    open.push(() => channel.close());
    const client = niceGrpc
      .createClientFactory()
      .use(niceDetails.errorDetailsClientMiddleware)
      .create(definition, channel) as never as Record<
      string,
      (request: object) => Promise<unknown>
    >;
    const error = (await client['Unary']!({ id: 'a' }).catch(
      (thrown: unknown) => thrown,
    )) as niceDetails.RichClientError;
    expect(error).toBeInstanceOf(niceDetails.RichClientError);
    expect([error.code, error.details]).toEqual([
      niceGrpc.Status.INVALID_ARGUMENT,
      'The order is not valid.',
    ]);
    const read = new Map(error.extra.map((one) => [one.$type.split('.').at(-1), one as object]));
    expect(read.get('ErrorInfo')).toMatchObject(info);
    expect(read.get('BadRequest')).toMatchObject({ fieldViolations });
    expect(read.get('Any')).toMatchObject({ typeUrl: TRACE.typeUrl });
  });

  it('throws what we read as an error of our own', async () => {
    const server = niceGrpc.createServer().use(niceDetails.errorDetailsServerMiddleware);
    // All methods of a definition have to be there.
    server.add({ Unary: (definition as Record<string, never>)['Unary']! }, {
      Unary: () => {
        throw new niceDetails.RichServerError(niceGrpc.Status.INVALID_ARGUMENT, found.message, [
          niceDetails.ErrorInfo.fromPartial(info),
          niceDetails.BadRequest.fromPartial({ fieldViolations }),
          niceDetails.Any.fromPartial(TRACE),
        ]);
      },
    } as never);
    const url = `127.0.0.1:${await freePort()}`;
    await server.listen(url);
    open.push(() => server.forceShutdown());
    const error = await ourClient(url);
    expect(error).toBeInstanceOf(RemoteInvalidArgumentError);
    expect(error).toMatchObject(found);
  });
});
