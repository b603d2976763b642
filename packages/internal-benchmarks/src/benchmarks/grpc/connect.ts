import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, createFileRegistry, type DescService } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import type { Listening } from './nest-apps.js';
import { PACKAGE, REFUSAL, type Message } from './service.js';

/** connect-node, which speaks gRPC on the HTTP/2 of Node, without grpc-js. */
export async function listenConnect(): Promise<Listening> {
  const routes = connectNodeAdapter({
    routes: (router) =>
      router.service(service(), {
        succeed: (message: unknown) => ({ id: (message as Message).id }),
        refuse: () => {
          throw new ConnectError(REFUSAL.message, Code.InvalidArgument);
        },
      } as never),
  });
  const server = createServer(routes);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `127.0.0.1:${port}`, close: async () => void server.close() };
}

/** `bench.proto` as protobuf-es has it. */
function service(): DescService {
  const field = { name: 'id', number: 1, type: Type.STRING, label: Label.OPTIONAL, jsonName: 'id' };
  const method = (name: string) => ({
    name,
    inputType: `.${PACKAGE}.Request`,
    outputType: `.${PACKAGE}.Reply`,
  });
  const file = create(FileDescriptorProtoSchema, {
    name: 'bench.proto',
    package: PACKAGE,
    syntax: 'proto3',
    messageType: [
      { name: 'Request', field: [field] },
      { name: 'Reply', field: [field] },
    ],
    service: [{ name: 'Bench', method: [method('Succeed'), method('Refuse')] }],
  });
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  return registry.getService(`${PACKAGE}.Bench`)!;
}
