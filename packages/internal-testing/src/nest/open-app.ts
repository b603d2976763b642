import type {
  INestApplication,
  INestApplicationContext,
  INestMicroservice,
  DynamicModule,
  Type,
} from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { closedAtEndOfFile } from '../fixtures/cleanup.js';
import { RecordingLogger } from './recording-logger.js';

type RootModule = Type<unknown> | DynamicModule;

/** How `openApp` opens an application. */
export interface OpenAppOptions {
  /** `new FastifyAdapter()`; Express by default. */
  readonly adapter?: AbstractHttpAdapter;
  /** Transports that are connected and started before HTTP listens: a hybrid application. */
  readonly microservices?: readonly MicroserviceOptions[];
  /** Called before anything is started: global pipes, middleware. */
  configure?(app: INestApplication): unknown;
  /** Records what Nest logs; a new one by default. Nest has one logger per process: the application opened last gets all. */
  readonly log?: RecordingLogger;
}

/** An application that is open. */
export interface Opened<App extends INestApplicationContext> {
  readonly app: App;
  readonly log: RecordingLogger;
  /** Closes the application; done at the end of the spec file if not before, the youngest first. */
  close(): Promise<void>;
}

/** An application that answers HTTP. */
export interface OpenedHttpApp extends Opened<INestApplication> {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
}

/** Opens an HTTP (or hybrid) application on a free port of 127.0.0.1. Rejects, with everything closed, when it does not start. */
export async function openApp(
  module: RootModule,
  options: OpenAppOptions = {},
): Promise<OpenedHttpApp> {
  const { NestFactory } = await import('@nestjs/core');
  const log = options.log ?? new RecordingLogger();
  // Connections that a client keeps alive must not hold up `close()`.
  const common = { logger: log, abortOnError: false, forceCloseConnections: true };
  const app = options.adapter
    ? await NestFactory.create(module, options.adapter, common)
    : await NestFactory.create(module, common);
  const opened = await open(app, log, async () => {
    for (const microservice of options.microservices ?? []) {
      app.connectMicroservice(microservice);
    }
    await options.configure?.(app);
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
  });
  const { port } = (app.getHttpServer() as { address(): { port: number } }).address();
  return { ...opened, url: `http://127.0.0.1:${port}` };
}

/** Opens an application that has one transport and no HTTP. */
export async function openMicroservice(
  module: RootModule,
  transport: MicroserviceOptions,
  options: { configure?(app: INestMicroservice): unknown; readonly log?: RecordingLogger } = {},
): Promise<Opened<INestMicroservice>> {
  const { NestFactory } = await import('@nestjs/core');
  const log = options.log ?? new RecordingLogger();
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(module, {
    ...transport,
    logger: log,
    abortOnError: false,
  });
  return open(app, log, async () => {
    await options.configure?.(app);
    await app.listen();
  });
}

/** Opens an application context: providers and no transport of Nest's own (golevelup, workers, command lines). */
export async function openContext(
  module: RootModule,
  options: { readonly log?: RecordingLogger } = {},
): Promise<Opened<INestApplicationContext>> {
  const { NestFactory } = await import('@nestjs/core');
  const log = options.log ?? new RecordingLogger();
  const app = await NestFactory.createApplicationContext(module, {
    logger: log,
    abortOnError: false,
  });
  return open(app, log, async () => {});
}

/** Closes an application that one of the functions above opened; the same as its `close()`. */
export async function closeApp(opened: Opened<INestApplicationContext>): Promise<void> {
  await opened.close();
}

async function open<App extends INestApplicationContext>(
  app: App,
  log: RecordingLogger,
  start: () => Promise<void>,
): Promise<Opened<App>> {
  const close = closedAtEndOfFile(() => app.close());
  try {
    await start();
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }
  return { app, log, close };
}
