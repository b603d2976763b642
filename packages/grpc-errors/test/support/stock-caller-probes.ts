// What a caller sees, how long it waits, and what goes along with its call.
import { Metadata, status as Status } from '@grpc/grpc-js';
import { openContext, waitFor } from '@acme/internal-testing';
import type { Duration } from '@acme/nest-message-context/kit';
import { MessageContext, MessageContextModule } from '@acme/nest-message-context';
import {
  GrpcClientsModule,
  InjectGrpcService,
  type GrpcCallOptions,
  type GrpcService,
} from '@acme/nest-grpc-errors';
import { Injectable, Module } from '@nestjs/common';
import { ClientProxyFactory, Transport, type ClientGrpc } from '@nestjs/microservices';
import { delay, finalize, lastValueFrom, NEVER, of, type Observable } from 'rxjs';
import { openProbe, PROTO, type Message, type ProbeOptions } from './probe-app.js';
import { ended, optionsFor, type Probe, type Setting } from './stock-settings.js';

interface ProbeService {
  unary(request: Message, metadata?: Metadata): Promise<Message> | Observable<Message>;
}

interface Called {
  readonly unary: (request: Message, options?: GrpcCallOptions) => PromiseLike<Message>;
  close(): Promise<void>;
}

/** A client of stock Nest, or ours. */
export async function clientOf(
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

export const words = (error: unknown): string => {
  const { constructor, code, status } = error as { code?: number; status?: string } & object;
  return `${constructor.name}, ${status ?? code}`;
};

/** What a caller catches, and whether it catches anything: at the other side a handler does that. */
export const calling =
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

export const inThirtyDays: Probe = async (setting) => {
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

export const deadlineInChain: Probe = async (setting) => {
  const left = ({ message }: MessageContext): number => (message.deadline ?? Infinity) - Date.now();
  const { seen } = await chain(setting, left);
  return (seen as number) < 5_000 ? 'what is left' : 'none';
};

export const cancelInChain: Probe = async (setting) => (await chain(setting, () => {})).text;

export const correlationInChain: Probe = async (setting) => {
  const { seen } = await chain(setting, ({ correlationId }) => correlationId);
  return seen === 'of-a' ? 'that of the caller' : 'another one';
};
