import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type Client,
  type ClientDuplexStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { freePort, openMicroservice, type Opened } from '@acme/internal-testing';
import { MessageContextModule } from '@acme/nest-message-context';
import { GrpcErrorsModule, type GrpcErrorsModuleOptions } from '@acme/nest-grpc-errors';
import {
  Controller,
  Module,
  UseGuards,
  type CanActivate,
  type DynamicModule,
  type INestMicroservice,
  type Provider,
  type Type,
} from '@nestjs/common';
import {
  GrpcMethod,
  GrpcStreamCall,
  GrpcStreamMethod,
  Transport,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { Observable } from 'rxjs';
import { readStatus, type SentStatus } from './read-status.js';

export interface Message {
  readonly id: string;
}

/** What a handler is to do; each test says it. */
type Behaviour = (message: unknown, ...more: unknown[]) => unknown;

export interface ProbeOptions extends Partial<GrpcErrorsModuleOptions> {
  readonly handle: Behaviour;
  readonly guard?: () => boolean;
  /** In place of ours. */
  readonly modules?: readonly (Type | DynamicModule)[];
  readonly providers?: readonly Provider[];
  readonly imports?: readonly (Type | DynamicModule)[];
  readonly decorate?: ClassDecorator;
}

/** How a call has ended. */
export interface Ended {
  readonly messages: readonly Message[];
  readonly error: ServiceError | undefined;
  /** Of the trailers. */
  readonly status: SentStatus | undefined;
}

export const PROTO = fileURLToPath(new URL('./probe.proto', import.meta.url));

/** The modules of a service whose handlers all do the same. */
export function probeModule(options: ProbeOptions): Type {
  const {
    handle,
    guard = () => true,
    modules,
    providers = [],
    imports = [],
    decorate,
    ...given
  } = options;
  class Guard implements CanActivate {
    canActivate = guard;
  }
  @UseGuards(Guard)
  @Controller()
  class ProbeController {
    @GrpcMethod('Probe')
    unary(message: Message): unknown {
      return handle(message);
    }

    @GrpcMethod('Probe')
    read(message: Message): unknown {
      return handle(message);
    }

    @GrpcMethod('Probe')
    serverStream(message: Message): unknown {
      return handle(message);
    }

    @GrpcStreamMethod('Probe')
    clientStream(messages: Observable<Message>): unknown {
      return handle(messages);
    }

    @GrpcStreamMethod('Probe')
    bidi(messages: Observable<Message>): unknown {
      return handle(messages);
    }

    @GrpcStreamCall('Probe')
    passThrough(call: unknown, callback: unknown): unknown {
      return handle(call, callback);
    }

    @GrpcStreamCall('Probe')
    passThroughBidi(call: unknown): unknown {
      return handle(call);
    }
  }
  decorate?.(ProbeController);
  const ours = modules ?? [
    MessageContextModule.forRoot(),
    GrpcErrorsModule.forRoot({ domain: 'probe.test', ...given }),
  ];
  @Module({
    imports: [...ours, ...imports],
    controllers: [ProbeController],
    providers: [...providers],
  })
  class ProbeAppModule {}
  return ProbeAppModule;
}

export async function grpcTransport(): Promise<{ url: string; transport: MicroserviceOptions }> {
  const url = `127.0.0.1:${await freePort()}`;
  return {
    url,
    transport: {
      transport: Transport.GRPC,
      options: { package: 'probe.v1', protoPath: PROTO, url },
    },
  };
}

type Call = ClientDuplexStream<Message, Message>;
type ProbeClient = Client & Record<string, (...args: unknown[]) => Call>;

interface HowCalled {
  readonly timeout?: number;
  readonly metadata?: Metadata;
  readonly onCall?: (call: Call) => void;
}

/** A client of grpc-js alone: what is on the wire. */
export function probeClient(url: string) {
  const { probe } = loadPackageDefinition(loadSync(PROTO)) as never as {
    probe: { v1: { Probe: new (url: string, security: unknown) => ProbeClient } };
  };
  const client = new probe.v1.Probe(url, credentials.createInsecure());
  const invoke = (
    method: string,
    options: object,
    metadata: Metadata,
    onCall?: (call: Call) => void,
  ): Promise<Ended> =>
    new Promise((done) => {
      const messages: Message[] = [];
      const end = (error?: ServiceError | null): void =>
        done({
          messages,
          error: error ?? undefined,
          status: error ? statusIn(error.metadata) : undefined,
        });
      const answered = (error: ServiceError | null, message?: Message): void => {
        if (message) messages.push(message);
        end(error);
      };
      const isUnary = !/Bidi|ServerStream/.test(method);
      const hasStream = /ClientStream|Bidi|PassThrough/.test(method);
      const args: unknown[] = hasStream ? [metadata, options] : [{ id: 'a' }, metadata, options];
      if (isUnary) args.push(answered);
      const call = client[method]!(...args);
      if (!isUnary) {
        call.on('data', (message: Message) => messages.push(message));
        call.on('error', (error: ServiceError) => end(error));
        call.on('end', () => end());
      }
      onCall?.(call);
      if (hasStream && !onCall) {
        call.write({ id: 'a' });
        call.end();
      }
    });
  return {
    invoke: (
      method: string,
      { timeout = 5_000, onCall, metadata = new Metadata() }: HowCalled = {},
    ) => invoke(method, { deadline: Date.now() + timeout }, metadata, onCall),
    close: () => client.close(),
  };
}

function statusIn(metadata: Metadata): SentStatus | undefined {
  const [bytes] = metadata.get('grpc-status-details-bin');
  return bytes instanceof Uint8Array ? readStatus(bytes) : undefined;
}

/** A service whose handlers all do the same, and a client of it. */
export async function openProbe(options: ProbeOptions) {
  const { url, transport } = await grpcTransport();
  const opened: Opened<INestMicroservice> = await openMicroservice(probeModule(options), transport);
  const client = probeClient(url);
  return {
    ...opened,
    ...client,
    url,
    close: async () => {
      client.close();
      await opened.close();
    },
  };
}
