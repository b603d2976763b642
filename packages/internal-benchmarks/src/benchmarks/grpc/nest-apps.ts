import 'reflect-metadata';
import { AsyncLocalStorage } from 'node:async_hooks';
import { MessageContextModule } from '@acme/nest-message-context';
import { GrpcError, GrpcErrorsModule, type GrpcErrorMapping } from '@acme/nest-grpc-errors';
import {
  Controller,
  Module,
  type CallHandler,
  type DynamicModule,
  type ExecutionContext,
  type NestInterceptor,
  type Provider,
  type Type,
} from '@nestjs/common';
import { APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import { GrpcMethod, RpcException, Transport } from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import { PACKAGE, PROTO, REFUSAL, type Message } from './service.js';

/** Applications of Nest that serve the service. */
export type NestApp =
  'bare' | 'localStorage' | 'oneInterceptor' | 'context' | 'ours' | 'oursThousand';

export interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

@GrpcError<IdMissingError>({
  code: 'INVALID_ARGUMENT',
  metadata: ['id'],
  details: () => ({ badRequest: { fieldViolations: [...REFUSAL.violations] } }),
})
class IdMissingError extends Error {
  constructor(readonly id: string) {
    super(REFUSAL.message);
  }
}

/** What is thrown by a service that has none of us. */
const words = () => new RpcException({ code: REFUSAL.code, message: REFUSAL.message });

function controllerThat(refuses: (message: Message) => Error): Type {
  @Controller()
  class BenchController {
    @GrpcMethod('Bench')
    async succeed({ id }: Message): Promise<Message> {
      return { id };
    }

    @GrpcMethod('Bench')
    async refuse(message: Message): Promise<Message> {
      throw refuses(message);
    }
  }
  return BenchController;
}

class IdleInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle();
  }
}

/** So many classes that nobody throws. */
const others = (count: number): GrpcErrorMapping[] =>
  Array.from({ length: count }, (_, i) => [
    class extends Error {
      override readonly name = `Other${i}`;
    },
    { code: 'NOT_FOUND', reason: `OTHER_${i}` },
  ]);

/** A store that is in use, and nothing more. */
function entered(storage: AsyncLocalStorage<object>): DynamicModule {
  class StorageModule {}
  storage.enterWith({});
  return { module: StorageModule };
}

/** Everything that the server side has, as a service would switch it on. */
const ours = (mappings: number): DynamicModule[] => [
  MessageContextModule.forRoot(),
  GrpcErrorsModule.forRoot({
    domain: REFUSAL.domain,
    mappings: others(mappings),
    // Less than callers ask for, so that there is a timer for each call.
    deadline: { default: '2s', max: '3s' },
  }),
];

const PARTS: Readonly<
  Record<
    NestApp,
    {
      readonly imports?: () => DynamicModule[];
      readonly providers?: Provider[];
      readonly isOurs?: true;
    }
  >
> = {
  bare: {},
  // As nestjs-cls has one, and OpenTelemetry: Node then follows every promise and every stream of the process.
  localStorage: { imports: () => [entered(new AsyncLocalStorage<object>())] },
  oneInterceptor: { providers: [{ provide: APP_INTERCEPTOR, useClass: IdleInterceptor }] },
  context: { imports: () => [MessageContextModule.forRoot()] },
  ours: { imports: () => ours(1), isOurs: true },
  oursThousand: { imports: () => ours(1_000), isOurs: true },
};

/** Lines are made, and go nowhere: how fast a terminal is says nothing about us. */
const SILENT = { log: () => {}, warn: () => {}, error: () => {} };

/** Starts one of them on a port of its own. */
export async function listenOnNest(name: NestApp, port: number): Promise<Listening> {
  const { imports, providers = [], isOurs } = PARTS[name];
  const controller = controllerThat(isOurs ? ({ id }) => new IdMissingError(id) : words);
  @Module({ imports: imports?.() ?? [], controllers: [controller], providers })
  class BenchModule {}
  const url = `127.0.0.1:${port}`;
  const app = await NestFactory.createMicroservice(BenchModule, {
    transport: Transport.GRPC,
    options: { package: PACKAGE, protoPath: PROTO, url },
    logger: SILENT,
  });
  await app.listen();
  return { url, close: () => app.close() };
}
