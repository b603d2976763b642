import 'reflect-metadata';
import {
  GrpcClientsModule,
  GrpcError,
  InjectGrpcService,
  type GrpcService,
} from '@acme/nest-grpc-errors';
import { MessageContextModule } from '@acme/nest-message-context';
import {
  Client,
  credentials,
  InterceptingCall,
  type ChannelOptions,
  type Metadata,
  type StatusObject,
} from '@grpc/grpc-js';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { methodOf, PACKAGE, PROTO, REFUSAL, type Message } from './service.js';

/** Calls by a client that is answered at once, without a connection. */
export interface ClientSubject {
  succeed(request: Message): Promise<unknown>;
  /** Rejects. */
  refuse(request: Message): Promise<unknown>;
  close(): Promise<void>;
}

interface BenchService {
  succeed(message: Message): Promise<Message>;
  refuse(message: Message): Promise<Message>;
}

/** What comes back as what it was thrown as. */
@GrpcError({ code: 'INVALID_ARGUMENT', metadata: ['id'] })
export class IdMissingError extends Error {
  readonly id!: string;
}

/** In place of the wire: answers with the id, or with the status that a server of ours has sent. */
function answering(status: StatusObject): ChannelOptions {
  const empty = status.metadata.clone();
  empty.remove('grpc-status-details-bin');
  return {
    interceptors: [
      (options: { readonly method_definition: { readonly path: string } }) => {
        const refuses = options.method_definition.path.endsWith('Refuse');
        let heard: { [name: string]: (...args: unknown[]) => void } = {};
        return new InterceptingCall(null as never, {
          start: (_: Metadata, listener) => (heard = listener as never),
          sendMessage: () => {},
          halfClose: () => {
            heard['onReceiveMetadata']!(empty);
            heard['onReceiveMessage']!(refuses ? undefined : { id: 'a' });
            heard['onReceiveStatus']!(
              refuses ? status : { code: 0, details: 'OK', metadata: empty },
            );
          },
          cancel: () => {},
        });
      },
    ],
  } as never;
}

/** grpc-js with a promise around it, and a deadline. */
export function rawClient(status: StatusObject): ClientSubject {
  const client = new Client('127.0.0.1:1', credentials.createInsecure(), answering(status));
  const by = (name: 'Succeed' | 'Refuse') => {
    const { path, requestSerialize, responseDeserialize } = methodOf(name);
    return (request: Message) =>
      new Promise((resolve, reject) =>
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          { deadline: Date.now() + 5_000 },
          (error, answer) => (error ? reject(error) : resolve(answer)),
        ),
      );
  };
  return { succeed: by('Succeed'), refuse: by('Refuse'), close: async () => client.close() };
}

/** Ours, which knows the class. */
export async function ourClient(status: StatusObject): Promise<ClientSubject> {
  class Bench {
    constructor(@InjectGrpcService('bench.v1.Bench') readonly service: GrpcService<BenchService>) {}
  }
  @Module({
    imports: [
      MessageContextModule.forRoot(),
      GrpcClientsModule.register([
        {
          url: '127.0.0.1:1',
          packages: PACKAGE,
          protoPath: PROTO,
          channelOptions: answering(status),
          errors: { [REFUSAL.domain]: [IdMissingError] },
        },
      ]),
    ],
    providers: [Bench],
  })
  class CallingModule {}
  const app = await NestFactory.createApplicationContext(CallingModule, { logger: false });
  const { service } = app.get(Bench);
  return {
    succeed: async (request) => service.succeed(request),
    refuse: async (request) => service.refuse(request),
    close: () => app.close(),
  };
}
