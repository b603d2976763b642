import 'reflect-metadata';
import { Global, Injectable, Module, type DynamicModule, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { INestApplication } from '@nestjs/common';
import { RecordingLogger } from '@acme/internal-testing';
import {
  bodyStage,
  edgeStage,
  MessageContextCoreModule,
  type BodyCall,
  type BodySlot,
  type EdgeSlot,
  type StageCall,
  type StageDecorator,
  type StageHandler,
} from '@acme/nest-message-context';
import { FakeServer } from './fake-server.js';

/** One service for body and edge stages: writes down, in order, all that happens. */
@Injectable()
export class Trace {
  readonly steps: string[] = [];
  readonly calls: BodyCall<string>[] = [];
  readonly checked: StageHandler<string>[] = [];
  problems: (handler: StageHandler<string>) => readonly string[] = () => [];

  async around(call: BodyCall<string>, next: () => Promise<unknown>): Promise<unknown> {
    this.steps.push(call.options);
    this.calls.push(call);
    return next();
  }

  enter({ options }: StageCall<string>): void {
    this.steps.push(options);
  }

  check(handler: StageHandler<string>): readonly string[] {
    this.checked.push(handler);
    return this.problems(handler);
  }

  /** The steps so far; starts anew. */
  take(): string[] {
    this.calls.length = 0;
    return this.steps.splice(0);
  }
}

@Global()
@Module({ imports: [MessageContextCoreModule], providers: [Trace], exports: [Trace] })
export class TraceModule {}

export const Around = (slot: BodySlot = 'idempotency', name: string = slot): StageDecorator =>
  bodyStage({
    slot,
    decorator: `@Around('${name}')`,
    module: 'TraceModule',
    service: Trace,
    options: name,
  });

export const Before = (slot: EdgeSlot = 'version', name: string = slot): StageDecorator =>
  edgeStage({
    slot,
    decorator: `@Before('${name}')`,
    module: 'TraceModule',
    service: Trace,
    options: name,
  });

export interface TracedApp {
  readonly app: INestApplication;
  readonly trace: Trace;
  readonly server: FakeServer;
  get<T>(type: Type<T> | string): T;
}

interface TracedOptions {
  readonly controllers?: Type<unknown>[];
  readonly providers?: Exclude<DynamicModule['providers'], undefined>;
  readonly imports?: Exclude<DynamicModule['imports'], undefined>;
  readonly server?: FakeServer;
  readonly log?: RecordingLogger;
  /** Takes the place of the trace. */
  readonly traceClass?: Type<Trace>;
}

/** A hybrid application with a transport and the trace; whoever opens it closes it. */
export async function openTraced({
  controllers = [],
  providers = [],
  imports = [],
  server = new FakeServer(),
  log = new RecordingLogger(),
  traceClass = Trace,
}: TracedOptions): Promise<TracedApp> {
  const module = await Test.createTestingModule({
    imports: [TraceModule, ...imports],
    controllers,
    providers,
  })
    .overrideProvider(Trace)
    .useClass(traceClass)
    .setLogger(log)
    .compile();
  const app = module.createNestApplication();
  app.connectMicroservice({ strategy: server }, { inheritAppConfig: true });
  try {
    await app.startAllMicroservices();
    await app.init();
  } catch (error) {
    await app.close();
    throw error;
  }
  return { app, trace: app.get(Trace), server, get: (type) => app.get(type, { strict: false }) };
}

type AnyDecorator = (
  target: object,
  key: string | symbol,
  descriptor: PropertyDescriptor,
) => PropertyDescriptor | void;

/** Applies decorators to a method as `@First() @Second() method() {}` does: the last one first. */
export function decorate(
  { prototype }: { readonly prototype: object },
  key: string,
  ...decorators: readonly unknown[]
): void {
  let descriptor = Object.getOwnPropertyDescriptor(prototype, key)!;
  for (const one of decorators.toReversed() as AnyDecorator[]) {
    descriptor = one(prototype, key, descriptor) ?? descriptor;
  }
  Object.defineProperty(prototype, key, descriptor);
}

/** Every order of these items. */
export function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}
