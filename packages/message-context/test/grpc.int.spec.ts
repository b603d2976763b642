import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import { setTimeout as after } from 'node:timers/promises';
import {
  Controller,
  Global,
  Injectable,
  Module,
  UseGuards,
  type CanActivate,
  type INestMicroservice,
  type Type,
} from '@nestjs/common';
import { GrpcMethod, GrpcStreamCall, GrpcStreamMethod, Transport } from '@nestjs/microservices';
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type Client,
  type ClientDuplexStream,
  type ServerDuplexStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Test } from '@nestjs/testing';
import { freePort, waitFor } from '@acme/internal-testing';
import {
  GrpcAnswers,
  MessageContext,
  MessageContextModule,
  type GrpcHandling,
  type GrpcServed,
} from '@acme/nest-message-context';
import {
  catchError,
  finalize,
  from,
  isObservable,
  lastValueFrom,
  map,
  Observable,
  Subject,
  tap,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Body, BodyProbe, currentId, Edge, EdgeProbe, ProbeModule } from './support/probe.js';

interface Message {
  readonly id: string;
  readonly correlation?: string;
}

const seen: string[] = [];
const reply = (id: string): Message => ({ id, correlation: currentId() ?? 'none' });

class Watch implements CanActivate {
  async canActivate(): Promise<boolean> {
    await after(5);
    seen.push(`guard ${currentId()}`);
    return true;
  }
}

async function* generate(id: string): AsyncGenerator<Message> {
  const { signal } = MessageContext.require().message;
  while (!signal.aborted) {
    yield reply(id);
    await after(5);
  }
  seen.push(`generator ended: ${(signal.reason as Error).name}`);
}

@UseGuards(Watch)
@Controller()
class ProbeController {
  @Edge()
  @Body()
  @GrpcMethod('Probe')
  async unary({ id }: Message): Promise<Message> {
    await after(1);
    const { message } = MessageContext.require();
    seen.push(
      `${message.transport} ${message.name} ${String(message.deadline !== undefined)} ${message.headers.get('X-Custom')}`,
    );
    seen.push(
      `binary ${Buffer.from(message.headers.getBinary('x-custom-bin') ?? []).toString('hex')}`,
    );
    return reply(id);
  }

  @GrpcMethod('Probe')
  unaryObservable({ id }: Message): Observable<Message> {
    return timer(1).pipe(map(() => reply(id)));
  }

  @GrpcMethod('Probe')
  async fails(): Promise<Message> {
    throw new Error('failed');
  }

  @GrpcMethod('Probe')
  waits({ id }: Message): Promise<Message> {
    const { signal } = MessageContext.require().message;
    seen.push('waiting');
    return new Promise((done) => {
      signal.addEventListener('abort', () => {
        seen.push(`aborted ${(signal.reason as Error).name}`);
        done(reply(id));
      });
    });
  }

  @Edge()
  @GrpcMethod('Probe')
  serverStream({ id }: Message): Observable<Message> {
    return timer(1, 5).pipe(
      map((n) => reply(`${id}${n}`)),
      finalize(() => seen.push(`torn down in ${currentId()}`)),
    );
  }

  @GrpcMethod('Probe')
  generated({ id }: Message): Observable<Message> {
    // Its signal is all by which a generator learns that nobody reads it any more.
    return from(generate(id));
  }

  @Edge()
  @GrpcStreamMethod('Probe')
  clientStream(messages: Observable<Message>): Observable<Message> {
    return messages.pipe(
      tap(({ id }) => seen.push(`${id} ${currentId()}`)),
      toArray(),
      map((all) => reply(String(all.length))),
    );
  }

  @GrpcStreamMethod('Probe')
  async awaitedClientStream(messages: Observable<Message>): Promise<Message> {
    const all = await lastValueFrom(
      messages.pipe(
        tap(({ id }) => seen.push(`${id} ${currentId()}`)),
        toArray(),
      ),
    );
    return reply(String(all.length));
  }

  @GrpcStreamMethod('Probe')
  bidi(messages: Observable<Message>): Observable<Message> {
    return messages.pipe(map(({ id }) => reply(id)));
  }

  @GrpcStreamMethod('Probe')
  bidiSubject(messages: Observable<Message>): Observable<Message> {
    const replies = new Subject<Message>();
    messages.subscribe({
      next: ({ id }) => replies.next(reply(id)),
      complete: () => replies.complete(),
    });
    return replies;
  }

  @GrpcStreamCall('Probe')
  passThrough(call: ServerDuplexStream<Message, Message>): void {
    call.on(
      'data',
      MessageContext.bind(({ id }: Message) => void call.write(reply(id))),
    );
    call.on('end', () => call.end());
  }
}

@Module({ imports: [MessageContextModule.forRoot(), ProbeModule], controllers: [ProbeController] })
class ProbeAppModule {}

type Unary = (
  message: Message,
  metadata: Metadata,
  options: object,
  done: (error: ServiceError | null, reply?: Message) => void,
) => { cancel(): void };
type Stream = (...args: unknown[]) => ClientDuplexStream<Message, Message>;
type ProbeClient = Client & Record<string, Unary & Stream>;

let app: INestMicroservice;
let client: ProbeClient;

async function start(more: readonly Type[] = []): Promise<void> {
  const protoPath = fileURLToPath(new URL('./support/probe.proto', import.meta.url));
  const url = `127.0.0.1:${await freePort()}`;
  const imports = [ProbeAppModule, ...more];
  const module = await Test.createTestingModule({ imports }).compile();
  app = module.createNestMicroservice({
    transport: Transport.GRPC,
    options: { package: 'probe.v1', protoPath, url },
    logger: false,
  });
  await app.listen();
  const { probe } = loadPackageDefinition(loadSync(protoPath)) as never as {
    probe: { v1: { Probe: new (url: string, security: unknown) => ProbeClient } };
  };
  client = new probe.v1.Probe(url, credentials.createInsecure());
}

async function stop(): Promise<void> {
  client.close();
  await app.close();
}

function forget(): void {
  seen.length = 0;
  app.get(BodyProbe).seen.length = 0;
  app.get(EdgeProbe).seen.length = 0;
  app.get(EdgeProbe).replace = undefined;
}

function metadata(id = 'call-1'): Metadata {
  const all = new Metadata();
  all.set('x-correlation-id', id);
  all.set('x-custom', 'text');
  all.set('x-custom-bin', Buffer.from([0, 255]));
  return all;
}

const soon = () => ({ deadline: Date.now() + 5_000 });

const unary = (method: string, id: string, correlation?: string): Promise<Message> =>
  new Promise((done, fail) =>
    client[method]!({ id }, metadata(correlation), soon(), (error, message) =>
      error ? fail(error) : done(message!),
    ),
  );

/** Sends three messages, at once or each in a turn of its own. */
async function send(stream: ClientDuplexStream<Message, Message>, slowly: boolean): Promise<void> {
  for (const id of ['a', 'b', 'c']) {
    stream.write({ id });
    if (slowly) await after(15);
  }
  stream.end();
}

const clientStream = (method: string, slowly: boolean): Promise<Message> =>
  new Promise((done, fail) => {
    const stream = client[method]!(
      metadata(),
      soon(),
      (error: ServiceError | null, message: Message) => (error ? fail(error) : done(message)),
    );
    void send(stream, slowly);
  });

const bidi = (method: string, slowly: boolean): Promise<Message[]> =>
  new Promise((done, fail) => {
    const all: Message[] = [];
    const stream = client[method]!(metadata(), soon());
    stream.on('data', (message: Message) => all.push(message));
    stream.on('end', () => done(all));
    stream.on('error', fail);
    void send(stream, slowly);
  });

async function cancelledServerStream(method = 'ServerStream'): Promise<Message | undefined> {
  const stream = client[method]!({ id: 's' }, metadata(), soon());
  const first = new Promise<Message>((done) => stream.once('data', done));
  stream.on('error', () => {});
  await first;
  stream.cancel();
  await waitFor(() => seen.find((line) => /torn down|ended/.test(line)));
  return first;
}

const paces = [
  ['at once', false],
  ['slowly', true],
] as const;

const abc = ['a', 'b', 'c'].map((id) => ({ id, correlation: 'call-1' }));

describe('who says what callers of gRPC are answered', () => {
  const handled: string[] = [];
  const found: string[] = [];
  @Injectable()
  class Answers extends GrpcAnswers {
    override check(served: readonly GrpcServed[]): void {
      for (const { handlers, paths } of served)
        found.push([...handlers.map(({ handler }) => handler.methodName), ...paths].join(' '));
    }

    async around(
      { context, handler, isPassThrough, answersByStream, thrown }: GrpcHandling,
      next: () => Promise<unknown>,
    ): Promise<unknown> {
      const result = await next();
      const words = [
        handler?.handler.methodName,
        isPassThrough,
        answersByStream,
        isObservable(result),
      ];
      handled.push([...words, MessageContext.current() === context].join(' '));
      if (!isObservable(result)) return { id: 'answered' };
      return result.pipe(
        catchError(() => throwError(() => ({ code: 10, details: String(thrown()?.error) }))),
      );
    }
  }
  @Global()
  @Module({
    providers: [{ provide: GrpcAnswers, useClass: Answers }],
    exports: [GrpcAnswers],
  })
  class AnswersModule {}

  beforeAll(() => start([AnswersModule]));
  afterAll(stop);

  it('is told at boot which methods the handlers are for', () => {
    expect(found).toContain('unary /probe.v1.Probe/Unary');
    expect(found).toContain('bidi /probe.v1.Probe/Bidi');
  });

  it('is asked around each call, with what was thrown and how it is answered', async () => {
    expect(await unary('Unary', 'x')).toMatchObject({ id: 'answered' });
    await expect(unary('Fails', 'x')).rejects.toMatchObject({
      code: 10,
      details: 'Error: failed',
    });
    await clientStream('ClientStream', false);
    await bidi('Bidi', false);
    expect(handled).toEqual([
      'unary false false false true',
      'fails false false true true',
      'clientStream false false true true',
      'bidi false true true true',
    ]);
  });
});

describe('gRPC', () => {
  beforeAll(() => start());
  afterAll(stop);
  beforeEach(forget);

  it('runs guard and unary handler in the context of the call', async () => {
    expect(await unary('Unary', 'x')).toEqual({ id: 'x', correlation: 'call-1' });
    expect(seen).toEqual(['guard call-1', 'grpc /probe.v1.Probe/Unary true text', 'binary 00ff']);
    expect(app.get(BodyProbe).seen).toEqual([
      {
        stage: 'idempotency',
        handler: 'ProbeController.unary',
        correlationId: 'call-1',
        role: 'handler',
      },
    ]);
  });

  it('replaces the payload before the handler', async () => {
    app.get(EdgeProbe).replace = () => ({ id: 'replaced' });
    expect(await unary('Unary', 'x')).toMatchObject({ id: 'replaced' });
  });

  it('keeps a hundred concurrent calls apart', async () => {
    const ids = Array.from({ length: 100 }, (_, index) => `call-${index}`);
    const replies = await Promise.all(ids.map((id) => unary('UnaryObservable', 'x', id)));
    expect(replies.map(({ correlation }) => correlation)).toEqual(ids);
  });

  it('aborts the signal of a server stream that asks for it only when it is read', async () => {
    await cancelledServerStream('Generated');
    expect(seen.at(-1)).toBe('generator ended: AbortError');
  });

  it('tears a server stream down inside the context when the caller cancels', async () => {
    expect(await cancelledServerStream()).toEqual({ id: 's0', correlation: 'call-1' });
    expect(seen.at(-1)).toBe('torn down in call-1');
  });

  it.each(paces)(
    'enters the context for each message of a client stream sent %s',
    async (_pace, slowly) => {
      expect(await clientStream('ClientStream', slowly)).toEqual({
        id: '3',
        correlation: 'call-1',
      });
      expect(seen.slice(-3)).toEqual(['a call-1', 'b call-1', 'c call-1']);
    },
  );

  it.each(paces)(
    'answers an async handler that awaits its stream, sent %s',
    async (_pace, slowly) => {
      // Nest alone drains the buffer only after the handler has returned: this call would hang to its deadline.
      expect(await clientStream('AwaitedClientStream', slowly)).toEqual({
        id: '3',
        correlation: 'call-1',
      });
      expect(seen.slice(-3)).toEqual(['a call-1', 'b call-1', 'c call-1']);
    },
  );

  it.each(paces)(
    'keeps the context through bidirectional streams sent %s',
    async (_pace, slowly) => {
      expect(await bidi('Bidi', slowly)).toEqual(abc);
      expect(await bidi('BidiSubject', slowly)).toEqual(abc);
    },
  );

  it.each(paces)(
    'opens it for pass-through calls, whose listeners are bound, sent %s',
    async (_pace, slowly) => {
      expect(await bidi('PassThrough', slowly)).toEqual(abc);
    },
  );

  it('aborts the signal when the caller cancels', async () => {
    const call = client['Waits']!({ id: 'w' }, metadata(), soon(), () => {});
    await waitFor(() => seen.includes('waiting'));
    call.cancel();
    await waitFor(() => seen.includes('aborted AbortError'));
    expect(seen.at(-1)).toBe('aborted AbortError');
  });

  it('aborts the signal when the deadline passes', async () => {
    client['Waits']!({ id: 'w' }, metadata(), { deadline: Date.now() + 100 }, () => {});
    await waitFor(() => seen.find((line) => line.startsWith('aborted')));
    expect(seen.at(-1)).toMatch(/^aborted (TimeoutError|AbortError)$/);
  });

  it('leaves errors to Nest', async () => {
    await expect(unary('Fails', 'x')).rejects.toMatchObject({ code: 2 });
  });
});
