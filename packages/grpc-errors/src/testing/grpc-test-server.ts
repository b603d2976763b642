import { ServerCredentials, type Server, type ServerOptions } from '@grpc/grpc-js';
import type { DynamicModule, INestMicroservice, LoggerService, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { OptionsCheck, show } from '@acme/nest-message-context/kit';
import { GrpcClientsModule } from '../client/grpc-clients.module.js';
import type { GrpcClientOptions } from '../client/grpc-clients.options.js';
import { assertFullName, serviceToken } from '../client/inject-grpc-service.js';
import { recommendedLoader } from '../client/load-services.js';
import { GrpcErrorsConfigurationError } from '../grpc-errors.errors.js';
import type { GrpcFaults } from './faults.js';

const OPTIONS = [
  'packages',
  'protoPath',
  'loader',
  'credentials',
  'channelOptions',
  'faults',
  'client',
  'configure',
  'logger',
];

/** A module, or what `Test.createTestingModule(…).compile()` of `@nestjs/testing` gives: there providers can be replaced before. */
export type GrpcTestModule =
  Type | DynamicModule | { createNestMicroservice(options: never): INestMicroservice };

/** How a service is opened for a test. */
export interface GrpcTestServerOptions {
  /** The proto packages that it serves: `order.v1`. */
  readonly packages: string | readonly string[];
  /** The files that they are in. */
  readonly protoPath: string | readonly string[];
  /** Of proto-loader, for both sides. @default `recommendedLoader` */
  readonly loader?: object;
  /** For TLS: `ServerCredentials.createSsl(…)` of grpc-js; then `client.credentials` as well. @default without */
  readonly credentials?: ServerCredentials;
  /** Of the server of grpc-js. */
  readonly channelOptions?: ServerOptions;
  /** What goes wrong at its calls. @default nothing */
  readonly faults?: GrpcFaults;
  /** How it is called by `client()`: `errors` that come back, `timeout`, `retry`. @default as `GrpcClientsModule` does */
  readonly client?: Omit<GrpcClientOptions, 'packages' | 'protoPath' | 'loader' | 'url'>;
  /** Called before it listens: global pipes, filters. */
  configure?(app: INestMicroservice): unknown;
  /** What Nest logs. @default nothing */
  readonly logger?: LoggerService;
}

/** A service that answers in this process. */
export interface GrpcTestServer {
  /** `127.0.0.1:<port>`. */
  readonly url: string;
  readonly app: INestMicroservice;
  /** One of its services by its full name: `client<GrpcService<OrderServiceClient>>('order.v1.OrderService')`. */
  client<S>(service: string): S;
  /** Ends it, and every call that is under way. */
  close(): Promise<void>;
}

/**
 * Opens a service on a free port of 127.0.0.1, as Nest runs it: with its guards, pipes and filters, over HTTP/2. Rejects, with everything closed, where it does not start.
 *
 *     const server = await startGrpcTestServer(OrdersModule, { packages: 'order.v1', protoPath });
 *     const orders = server.client<GrpcService<OrderServiceClient>>('order.v1.OrderService');
 *
 * @throws {GrpcErrorsConfigurationError} listing every problem
 */
export async function startGrpcTestServer(
  module: GrpcTestModule,
  options: GrpcTestServerOptions,
): Promise<GrpcTestServer> {
  assertOptions(module, options);
  let server: Server | undefined;
  const app = await create(module, options, (made) => (server = made));
  try {
    await options.configure?.(app);
    await app.listen();
    const url = `127.0.0.1:${await portOf(server!, options)}`;
    const { packages, protoPath, loader = recommendedLoader, client } = options;
    const clients = await NestFactory.createApplicationContext(
      GrpcClientsModule.register([
        {
          ...(client?.useFactory === undefined && { url }),
          ...client,
          packages,
          protoPath,
          loader,
        },
      ]),
      { logger: options.logger ?? false, abortOnError: false },
    );
    return {
      url,
      app,
      client: <S>(service: string) => {
        assertFullName(service, 'client()');
        return clients.get<S>(serviceToken(service));
      },
      close: async () => {
        await clients.close();
        await app.close();
      },
    };
  } catch (error) {
    await app.close();
    throw error;
  }
}

/** What it is given comes from tests, which are plain JavaScript now and then. */
function assertOptions(module: GrpcTestModule, options: GrpcTestServerOptions): void {
  const check = new OptionsCheck();
  const isModule = typeof module === 'function' || (typeof module === 'object' && module !== null);
  if (!isModule)
    check.problems.push(
      `${show(module)} is no module. Give the one of your application, or what Test.createTestingModule(…).compile() gives.`,
    );
  const { packages, protoPath, faults } = check.object<GrpcTestServerOptions>(
    'options',
    options,
    OPTIONS,
  );
  for (const [name, given] of Object.entries({ packages, protoPath }))
    if (given === undefined || given.length === 0)
      check.problems.push(`${name}: missing. Give that of the service, or a list.`);
  if (faults !== undefined && typeof faults.interceptor !== 'function')
    check.problems.push(`faults: ${show(faults)} is none. Give faults().`);
  if (check.problems.length > 0)
    throw new GrpcErrorsConfigurationError(check.problems, 'startGrpcTestServer()');
}

async function create(
  module: GrpcTestModule,
  {
    packages,
    protoPath,
    loader,
    credentials,
    channelOptions,
    faults,
    logger,
  }: GrpcTestServerOptions,
  made: (server: Server) => void,
): Promise<INestMicroservice> {
  const interceptors = [
    ...(faults ? [faults.interceptor] : []),
    ...(channelOptions?.interceptors ?? []),
  ];
  const transport = {
    transport: Transport.GRPC,
    options: {
      package: packages,
      protoPath,
      url: '127.0.0.1:0',
      loader: loader ?? recommendedLoader,
      ...(credentials && { credentials }),
      channelOptions: { ...channelOptions, interceptors },
      onLoadPackageDefinition: (_: object, server: Server) => made(server),
    },
    logger: logger ?? false,
    abortOnError: false,
  } as unknown as MicroserviceOptions;
  return 'createNestMicroservice' in module
    ? module.createNestMicroservice(transport as never)
    : NestFactory.createMicroservice<MicroserviceOptions>(module, transport);
}

/** Nest keeps to itself which port it was given; of another one of the same server grpc-js says it. To look for a free one before would be a race. */
const portOf = (server: Server, { credentials }: GrpcTestServerOptions): Promise<number> =>
  new Promise((done, failed) => {
    server.bindAsync(
      '127.0.0.1:0',
      credentials ?? ServerCredentials.createInsecure(),
      (error, port) => (error ? failed(error) : done(port)),
    );
  });
