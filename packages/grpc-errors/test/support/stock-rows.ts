// What docs/explanation/grpc-errors-compared.md says, row by row, and how each is tried.
import { fileURLToPath } from 'node:url';
import { Metadata, status as Status } from '@grpc/grpc-js';
import {
  freePort,
  openApp,
  openContext,
  openMicroservice,
  spawnChild,
  waitFor,
} from '@acme/internal-testing';
import type { Duration } from '@acme/nest-message-context/kit';
import { MessageContext, MessageContextModule } from '@acme/nest-message-context';
import {
  GrpcClientsModule,
  GrpcErrorsModule,
  InjectGrpcService,
  type GrpcCallOptions,
  type GrpcService,
} from '@acme/nest-grpc-errors';
import {
  BadRequestException,
  Catch,
  Controller,
  Injectable,
  Module,
  NotFoundException,
  type ExceptionFilter,
  type Type,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import {
  ClientProxyFactory,
  GrpcMethod,
  RpcException,
  Transport,
  type ClientGrpc,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import {
  delay,
  EMPTY,
  finalize,
  lastValueFrom,
  NEVER,
  of,
  throwError,
  toArray,
  type Observable,
} from 'rxjs';
import {
  grpcTransport,
  openProbe,
  probeClient,
  probeModule,
  PROTO,
  type Message,
  type ProbeOptions,
} from './probe-app.js';
import { callOf, ended, optionsFor, type Setting } from './stock-settings.js';

type Probe = (setting: Setting) => Promise<string>;

/** A row of the page: what happens, and what becomes of it. */
export interface Row {
  readonly name: string;
  readonly probe: Probe;
  /** Nest 11 and 12 do the same in all of this. */
  readonly stock: string;
  /** Nest 12 with its `GrpcExceptionFilter`. */
  readonly filter: string;
  readonly ours: string;
}

const thrown =
  (make: () => unknown, more: Partial<ProbeOptions> & { method?: string } = {}): Probe =>
  (setting) =>
    callOf(
      setting,
      () => {
        throw make();
      },
      more,
    );

const handled =
  (handle: ProbeOptions['handle'], more: Partial<ProbeOptions> & { method?: string } = {}): Probe =>
  (setting) =>
    callOf(setting, handle, more);

/** Text that no compression of headers makes short. */
function noise(length: number): string {
  let [text, x] = ['too long: ', 1];
  while (text.length < length) {
    x = (x * 1_103_515_245 + 12_345) & 0x7fffffff;
    text += String.fromCharCode(33 + (x % 90));
  }
  return text;
}

const CHILD = fileURLToPath(new URL('../children/crashing.mjs', import.meta.url));

const inChild =
  (what: string): Probe =>
  async (setting) => {
    const env = { SETTING: setting, WHAT: what, PORT: String(await freePort()) };
    const child = spawnChild(CHILD, { env });
    const { code } = await child.exited;
    return code === 0 ? child.lines.join(' ') : 'the process ends';
  };

/** The caller of a handler whose stream goes on has gone. */
const gone: Probe = async (setting) => {
  let [begun, isOver] = [false, false];
  const { invoke, close } = await openProbe({
    handle: () => {
      begun = true;
      return NEVER.pipe(finalize(() => (isOver = true)));
    },
    ...optionsFor(setting),
  });
  await invoke('Unary', { onCall: (call) => void waitFor(() => begun).then(() => call.cancel()) });
  // Another call of the same connection: by its end the server has heard of the first.
  await invoke('Unary', { timeout: 300 });
  const text = isOver ? 'it is ended' : 'it goes on';
  await close();
  return text;
};

/** A filter of the application that knows the error, in a hybrid application whose microservice is connected as it is. */
const hybrid: Probe = async (setting) => {
  const { url, transport } = await grpcTransport();
  const handle = (): never => {
    throw new NotFoundException('No order 7');
  };
  @Catch(NotFoundException)
  class Filter implements ExceptionFilter {
    catch(error: Error): Observable<never> {
      return throwError(() => ({ code: 5, message: error.message }));
    }
  }
  const { modules, providers = [] } = optionsFor(setting);
  const own = { provide: APP_FILTER, useClass: Filter };
  const module = probeModule({
    handle,
    ...(modules && { modules }),
    providers: setting === 'ours' ? [] : [...providers, own],
  });
  const { close } = await openApp(module, {
    configure: (app) => void app.connectMicroservice(transport),
  });
  const client = probeClient(url);
  const { error } = await client.invoke('Unary');
  client.close();
  await close();
  return ended(error, '');
};

interface ProbeService {
  unary(request: Message, metadata?: Metadata): Promise<Message> | Observable<Message>;
}

interface Called {
  readonly unary: (request: Message, options?: GrpcCallOptions) => PromiseLike<Message>;
  close(): Promise<void>;
}

const V2 = PROTO.replace('probe.proto', 'probe-v2.proto');

/** A client of stock Nest, or ours. */
async function clientOf(
  setting: Setting,
  url: string,
  {
    asked = undefined as string | undefined,
    packages = ['probe.v1'],
    protoPath = [PROTO],
    timeout = 600 as Duration,
  } = {},
): Promise<Called> {
  if (setting !== 'ours') {
    const proxy = ClientProxyFactory.create({
      transport: Transport.GRPC,
      options: { package: packages, protoPath, url },
    }) as unknown as ClientGrpc & { close(): void };
    // By its short name: by its full one Nest finds none.
    const found = proxy.getService<{
      unary(request: Message, metadata?: Metadata): Observable<Message>;
    }>(asked ?? 'Probe');
    return {
      unary: (request) => lastValueFrom(found.unary(request, new Metadata())),
      close: async () => proxy.close(),
    };
  }
  @Injectable()
  class Caller {
    constructor(
      @InjectGrpcService(asked ?? 'probe.v1.Probe') readonly probe: GrpcService<ProbeService>,
    ) {}
  }
  @Module({
    imports: [
      MessageContextModule.forRoot(),
      GrpcClientsModule.register([{ packages, protoPath, url, timeout }]),
    ],
    providers: [Caller],
  })
  class CallerModule {}
  const { app, close } = await openContext(CallerModule);
  const { probe } = app.get(Caller);
  return { unary: (request, options) => probe.unary(request, options), close };
}

const words = (error: unknown): string => {
  const { constructor, code, status } = error as { code?: number; status?: string } & object;
  return `${constructor.name}, ${status ?? code}`;
};

/** What a caller catches, and whether it catches anything: at the other side a handler does that. */
const calling =
  (handle: ProbeOptions['handle']): Probe =>
  async (setting) => {
    const server = await openProbe({ handle, ...optionsFor(setting) });
    const client = await clientOf(setting, server.url);
    const caught = client.unary({ id: 'a' }).then(() => 'answered', words);
    const text = await Promise.race([caught, stillAfter(1_500)]);
    await client.close();
    await server.close();
    return text;
  };

const stillAfter = (ms: number): Promise<string> =>
  new Promise((done) => void setTimeout(() => done('it waits for ever'), ms).unref());

const inThirtyDays: Probe = async (setting) => {
  const server = await openProbe({
    handle: () => of({ id: 'b' }).pipe(delay(50)),
    ...optionsFor(setting),
  });
  if (setting !== 'ours') {
    const { error } = await server.invoke('Unary', { timeout: 30 * 86_400_000 });
    await server.close();
    return error ? `${Status[error.code]} at once` : 'answered "b"';
  }
  const client = await clientOf(setting, server.url);
  const answer = await client.unary({ id: 'a' }, { timeout: '30d' });
  await client.close();
  await server.close();
  return ended(undefined, answer.id);
};

/** A calls B, and B calls C for it: what C sees of A. */
async function chain(setting: Setting, look: (context: MessageContext) => unknown) {
  let [begun, isOver] = [0, false];
  let seen: unknown;
  const c = await openProbe({
    handle: () => {
      begun += 1;
      seen ??= look(MessageContext.require());
      return NEVER.pipe(finalize(() => (isOver = true)));
    },
  });
  const client = await clientOf(setting, c.url, { timeout: '1m' });
  const b = await openProbe({
    handle: (message) => client.unary(message as Message),
    ...optionsFor(setting),
  });
  const metadata = new Metadata();
  metadata.set('x-correlation-id', 'of-a');
  await b.invoke('Unary', {
    timeout: 5_000,
    metadata,
    onCall: (call) => void waitFor(() => begun > 0).then(() => call.cancel()),
  });
  // Another call of the same connections: by its end all have heard of the first.
  await b.invoke('Unary', { timeout: 400 });
  const text = isOver ? 'cancelled' : 'it goes on';
  for (const one of [b, client, c]) await one.close();
  return { seen, text };
}

const deadlineInChain: Probe = async (setting) => {
  const left = ({ message }: MessageContext): number => (message.deadline ?? Infinity) - Date.now();
  const { seen } = await chain(setting, left);
  return (seen as number) < 5_000 ? 'what is left' : 'none';
};

const cancelInChain: Probe = async (setting) => (await chain(setting, () => {})).text;

const correlationInChain: Probe = async (setting) => {
  const { seen } = await chain(setting, ({ correlationId }) => correlationId);
  return seen === 'of-a' ? 'that of the caller' : 'another one';
};

function versionsModule(name: (version: string) => string, setting: Setting): Type {
  const answers = (version: string): Type => {
    @Controller()
    class Versioned {
      @GrpcMethod(name(version), 'Unary')
      unary(): Message {
        return { id: version };
      }
    }
    return Versioned;
  };
  const { modules = OURS, providers = [] } = optionsFor(setting);
  @Module({
    imports: [...modules],
    controllers: [answers('v1'), answers('v2')],
    providers: [...providers],
  })
  class VersionsModule {}
  return VersionsModule;
}

const transportOf = (url: string): MicroserviceOptions => ({
  transport: Transport.GRPC,
  options: { package: ['probe.v1', 'probe.v2'], protoPath: [PROTO, V2], url },
});

const twoVersions =
  (name: (version: string) => string): Probe =>
  async (setting) => {
    const url = `127.0.0.1:${await freePort()}`;
    const opened = await openMicroservice(versionsModule(name, setting), transportOf(url)).catch(
      String,
    );
    if (typeof opened === 'string') return 'refused at boot';
    const { close } = opened;
    const said: string[] = [];
    for (const version of ['v1', 'v2']) {
      const packages = [`probe.${version}`];
      const protoPath = [version === 'v1' ? PROTO : V2];
      const client = await clientOf('ours', url, {
        asked: `probe.${version}.Probe`,
        packages,
        protoPath,
      });
      said.push(`${version} by ${(await client.unary({ id: 'a' })).id}`);
      await client.close();
    }
    await close();
    return said.join(', ');
  };

const OURS = [MessageContextModule.forRoot(), GrpcErrorsModule.forRoot({ domain: 'probe.test' })];

/** A client of both versions that asks by the name that both have. */
const shortName: Probe = async (setting) => {
  const url = `127.0.0.1:${await freePort()}`;
  const { close } = await openMicroservice(
    versionsModule((version) => `probe.${version}.Probe`, setting),
    transportOf(url),
  );
  const wanted = { asked: 'Probe', packages: ['probe.v1', 'probe.v2'], protoPath: [PROTO, V2] };
  const client = await clientOf(setting, url, wanted).catch(String);
  if (typeof client === 'string') {
    await close();
    return 'refused at boot';
  }
  const { id } = await client.unary({ id: 'a' });
  await client.close();
  await close();
  return `${id} is called`;
};

/** A client of both versions, of which the second is wanted. */
const secondVersion: Probe = async (setting) => {
  const url = `127.0.0.1:${await freePort()}`;
  const wanted = {
    asked: 'probe.v2.Probe',
    packages: ['probe.v1', 'probe.v2'],
    protoPath: [PROTO, V2],
  };
  // Nobody is there: a client that knows the service says so, and one that does not says that.
  const client = await clientOf(setting, url, wanted).catch(String);
  if (typeof client === 'string') return 'not found';
  const said = await client.unary({ id: 'a' }).then(String, words);
  await client.close();
  return said === 'RemoteUnavailableError, UNAVAILABLE' ? 'is called' : said;
};

const AWAITS = async (messages: unknown): Promise<Message> => {
  const all = await lastValueFrom((messages as Observable<Message>).pipe(toArray()));
  return { id: String(all.length) };
};

const row = (name: string, probe: Probe, stock: string, ours: string, filter = stock): Row => ({
  name,
  probe,
  stock,
  filter,
  ours,
});

/** Under their headings on the page. */
export const ROWS: Readonly<Record<string, readonly Row[]>> = {
  'An error is thrown': [
    row(
      '`NotFoundException`',
      thrown(() => new NotFoundException('No order 7')),
      'UNKNOWN "Internal server error", not logged',
      'NOT_FOUND "No order 7", logged',
    ),
    row(
      '`BadRequestException` of a `ValidationPipe`',
      thrown(() => new BadRequestException(['email must be an email'])),
      'UNKNOWN "Internal server error", not logged',
      'INVALID_ARGUMENT "The request is not valid: email must be an email", logged',
    ),
    row(
      '`RpcException` with a code',
      thrown(() => new RpcException({ code: 5, message: 'No order 7' })),
      'NOT_FOUND "No order 7", not logged',
      'NOT_FOUND "No order 7", logged',
    ),
    row(
      '`RpcException` around `NotFoundException`',
      thrown(() => new RpcException(new NotFoundException('No order 7') as never)),
      'UNKNOWN "No order 7", not logged',
      'NOT_FOUND "No order 7", logged',
      '404 "No order 7", not logged',
    ),
    row(
      '`RpcException` around another one with a code',
      thrown(() => new RpcException(new RpcException({ code: 5, message: 'No order 7' }))),
      'UNKNOWN "No order 7", not logged',
      'NOT_FOUND "No order 7", logged',
    ),
    row(
      '`RpcException` with code 0',
      thrown(() => new RpcException({ code: 0, message: 'No order 7' })),
      'UNIMPLEMENTED "No message received", not logged',
      'UNKNOWN "No order 7", logged',
    ),
    row(
      '`RpcException` with code 99',
      thrown(() => new RpcException({ code: 99, message: 'No order 7' })),
      '99 "No order 7", not logged',
      'UNKNOWN "No order 7", logged',
    ),
    row(
      'a guard that says no',
      handled(() => ({ id: 'b' }), { guard: () => false }),
      'UNKNOWN "Forbidden resource", not logged',
      'PERMISSION_DENIED "Forbidden resource", logged',
    ),
    row(
      'any `Error`',
      thrown(() => new Error('password of the database')),
      'UNKNOWN "Internal server error", logged',
      'INTERNAL "Internal error", logged',
      'UNKNOWN "Internal server error", not logged',
    ),
    row(
      'a text',
      thrown(() => 'password of the database'),
      'UNKNOWN "Internal server error", logged',
      'INTERNAL "Internal error", logged',
      'UNKNOWN "Internal server error", not logged',
    ),
    row(
      'what another service has answered: not found',
      thrown(() =>
        Object.assign(new Error('5 NOT_FOUND: No price'), {
          code: 5,
          details: 'No price',
          metadata: new Metadata(),
        }),
      ),
      'UNKNOWN "Internal server error", logged',
      'INTERNAL "A service that this one needs has refused.", logged',
      'UNKNOWN "Internal server error", not logged',
    ),
    row(
      'a message of 100,000 characters',
      thrown(() => new RpcException({ code: 9, message: noise(100_000) })),
      'no answer',
      'FAILED_PRECONDITION "too long… (1022)", logged',
    ),
    row(
      'half a character in a message',
      inChild('unary'),
      'the process ends',
      'FAILED_PRECONDITION "half �"',
    ),
    row(
      'in a `@GrpcStreamCall()` handler',
      inChild('pass-through'),
      'the process ends',
      'FAILED_PRECONDITION "thrown"',
    ),
    row(
      'one that a filter (`APP_FILTER`) of a hybrid application knows',
      hybrid,
      'UNKNOWN "Internal server error"',
      'NOT_FOUND "No order 7"',
    ),
  ],
  'A handler answers': [
    row(
      'with an empty stream',
      handled(() => EMPTY),
      'no answer',
      'INTERNAL "Internal error", logged',
    ),
    row(
      'with nothing',
      handled(() => undefined),
      'INTERNAL "Error serializing response", not logged',
      'INTERNAL "Internal error", logged',
    ),
    row(
      'a unary call twice',
      handled(() => of({ id: '1' }, { id: '2' })),
      'no answer',
      'answered "1"',
    ),
    row(
      'once it has awaited its whole request stream',
      handled(AWAITS, { method: 'ClientStream' }),
      'no answer',
      'answered "1"',
    ),
    row('with a stream, and its caller has gone', gone, 'it goes on', 'it is ended'),
  ],
  'There are two versions': [
    row(
      '`@GrpcMethod()` by the short name',
      twoVersions(() => 'Probe'),
      'v1 by v2, v2 by v2',
      'refused at boot',
    ),
    row(
      '`@GrpcMethod()` by the full name',
      twoVersions((version) => `probe.${version}.Probe`),
      'v1 by v1, v2 by v2',
      'v1 by v1, v2 by v2',
    ),
    row(
      'a client of both asks for one by the short name',
      shortName,
      'v1 is called',
      'refused at boot',
    ),
    row(
      'a client of both wants the second by its full name',
      secondVersion,
      'not found',
      'is called',
    ),
  ],
  'A service is called': [
    row(
      'it has not found what was asked for',
      calling(() => {
        throw new RpcException({ code: 5, message: 'No order 7' });
      }),
      'Error, 5',
      'RemoteNotFoundError, NOT_FOUND',
    ),
    row(
      'it does not answer',
      calling(() => NEVER),
      'it waits for ever',
      'RemoteDeadlineExceededError, DEADLINE_EXCEEDED',
    ),
    row('with a deadline in 30 days', inThirtyDays, 'DEADLINE_EXCEEDED at once', 'answered "b"'),
    row(
      'for somebody who has five seconds left: the deadline',
      deadlineInChain,
      'none',
      'what is left',
    ),
    row('for somebody who has gone', cancelInChain, 'it goes on', 'cancelled'),
    row(
      'for somebody with a correlation id',
      correlationInChain,
      'another one',
      'that of the caller',
    ),
  ],
};
