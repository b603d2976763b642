// What is said of a client and of a call reaches the channel, the wire and the errors that come back.
import 'reflect-metadata';
import { waitFor } from '@acme/internal-testing';
import { MessageContext } from '@acme/nest-message-context';
import {
  GrpcError,
  isRemoteError,
  RemoteNotFoundError,
  RemoteUnavailableError,
  type GrpcService,
  type RemoteError,
} from '@acme/nest-grpc-errors';
import {
  faults,
  startGrpcTestServer,
  type GrpcTestServer,
  type GrpcTestServerOptions,
} from '@acme/nest-grpc-errors/testing';
import { first, map, NEVER, Observable, Subject, throwError } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { probeModule, PROTO, type Message, type ProbeOptions } from './support/probe-app.js';

interface Probe {
  unary(request: Message): Promise<Message>;
  read(request: Message): Promise<Message>;
  clientStream(requests: Observable<Message>): Promise<Message>;
}

const open: GrpcTestServer[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function scene(
  handle: ProbeOptions['handle'],
  client: Exclude<GrpcTestServerOptions['client'], undefined> = {},
  more: Partial<ProbeOptions> = {},
) {
  const wrong = faults();
  const server = await startGrpcTestServer(probeModule({ handle, logging: false, ...more }), {
    packages: 'probe.v1',
    protoPath: PROTO,
    faults: wrong,
    client,
  });
  open.push(server);
  const probe = server.client<GrpcService<Probe>>('probe.v1.Probe');
  return { server, wrong, probe };
}

const echo = (message: unknown): unknown => message;
const DAY = 24 * 3_600_000;

describe('the time of a call on the wire', () => {
  it('is a day at most: a server of grpc-js takes a month for no time at all', async () => {
    let deadline = 0;
    const { probe } = await scene((message) => {
      ({ deadline = 0 } = MessageContext.require().message);
      return message;
    });
    await expect(probe.unary({ id: 'a' }, { timeout: '30d' })).resolves.toEqual({ id: 'a' });
    expect(deadline - Date.now()).toBeLessThanOrEqual(DAY);
    expect(deadline - Date.now()).toBeGreaterThan(DAY - 60_000);
  });

  it('leaves so much for what follows', async () => {
    let inner = 0;
    let outer = 0;
    const last = await scene(
      (message) => {
        inner = MessageContext.require().message.deadline!;
        return message;
      },
      { reserve: '2s', timeout: '1m' },
    );
    const { probe } = await scene((message) => {
      outer = MessageContext.require().message.deadline!;
      return last.probe.unary(message as Message);
    });
    await probe.unary({ id: 'a' }, { timeout: '10s' });
    // What is sent is how much time is left, so that the way there adds to it.
    expect(outer - inner).toBeGreaterThan(1_000);
    expect(outer - inner).toBeLessThan(2_500);
  });
});

describe('the channel', () => {
  const agentOf = (): string | undefined =>
    MessageContext.require().message.headers.get('user-agent');

  it.each(['as they are', 'by useFactory'])('has the options that are given %s', async (how) => {
    let agent: string | undefined;
    const channelOptions = { 'grpc.primary_user_agent': 'probe-caller' };
    const handle = (message: unknown): unknown => {
      agent = agentOf();
      return message;
    };
    const target = await scene(handle);
    const { url } = target.server;
    const { probe } = await scene(
      handle,
      how === 'by useFactory'
        ? { useFactory: async () => ({ url, channelOptions }) }
        : { channelOptions },
    );
    await probe.unary({ id: 'a' });
    expect(agent).toContain('probe-caller');
  });
});

describe('what is sent', () => {
  const firstOnly: ProbeOptions['handle'] = (messages) =>
    (messages as Observable<Message>).pipe(
      first(),
      map(({ id }) => ({ id: `${id}!` })),
    );

  it('ends when there is an answer: an Observable', async () => {
    const { probe } = await scene(firstOnly);
    const source = new Subject<Message>();
    const call = Promise.resolve(probe.clientStream(source));
    await waitFor(() => source.observed);
    source.next({ id: 'a' });
    await expect(call).resolves.toEqual({ id: 'a!' });
    expect(source.observed).toBe(false);
  });

  it('fails the call with what it has failed with itself, whatever comes after that', async () => {
    const { probe } = await scene(() => NEVER);
    const stop = new AbortController();
    const requests = throwError(() => new Error('no more'));
    const call = probe
      .clientStream(requests, { signal: stop.signal })
      .then(undefined, (error: unknown) => error);
    stop.abort();
    expect(await call).toMatchObject({ message: 'no more' });
  });

  it('ends when there is an answer: a generator', async () => {
    const { probe } = await scene(firstOnly);
    let isLeft = false;
    async function* endless(): AsyncGenerator<Message> {
      try {
        for (;;) yield { id: 'a' };
      } finally {
        isLeft = true;
      }
    }
    await expect(probe.clientStream(endless() as never)).resolves.toEqual({ id: 'a!' });
    await waitFor(() => isLeft);
  });
});

describe('an error that comes back as its own class', () => {
  @GrpcError<LimitError>({
    code: 'FAILED_PRECONDITION',
    metadata: () => ({
      message: 'not this',
      stack: 'nor this',
      name: 'Nor',
      cause: 'nor',
      describe: 'nor a text',
      limit: '3',
    }),
  })
  class LimitError extends Error {
    describe(): string {
      return `the limit is ${(this as unknown as { limit: string }).limit}`;
    }
  }

  it('has its facts, and is none the worse for what they are called', async () => {
    const { probe } = await scene(
      () => {
        throw new LimitError('Too many.');
      },
      { errors: { 'probe.test': [LimitError] } },
    );
    const error = (await probe.unary({ id: 'a' }).then(undefined, (e: unknown) => e)) as LimitError;
    expect(error).toBeInstanceOf(LimitError);
    expect([error.message, error.name, error.describe()]).toEqual([
      'Too many.',
      'LimitError',
      'the limit is 3',
    ]);
    expect(error.stack).toContain('LimitError: Too many.');
    expect(isRemoteError(error.cause)).toBe(true);
  });

  @GrpcError<PricedError>({ code: 'NOT_FOUND', metadata: ['cents'] })
  class PricedError extends Error {
    static isBroken = false;
    constructor(readonly cents: number) {
      super('It costs more.');
    }

    static fromRemote({ metadata }: RemoteError): PricedError {
      if (PricedError.isBroken) throw new TypeError('broken');
      return new PricedError(Number(metadata['cents']));
    }
  }

  it('is what the class makes of it, and the error of its code where that fails', async () => {
    const { probe } = await scene(
      () => {
        throw new PricedError(250);
      },
      { errors: { 'probe.test': [PricedError] } },
    );
    await expect(probe.unary({ id: 'a' })).rejects.toMatchObject({
      constructor: PricedError,
      cents: 250,
    });
    PricedError.isBroken = true;
    await expect(probe.unary({ id: 'a' })).rejects.toBeInstanceOf(RemoteNotFoundError);
  });
});

describe('the budget of a client', () => {
  it('is spent by calls that found nobody, and earned again by answers', async () => {
    const retry = { attempts: 10, initial: 1, max: 1 };
    const { wrong, probe } = await scene(echo, { retry });
    const away = wrong.status('UNAVAILABLE');
    await expect(probe.read({ id: 'a' })).rejects.toBeInstanceOf(RemoteUnavailableError);
    expect(away.hits).toBe(5);
    wrong.reset();
    for (let count = 0; count < 20; count += 1) await probe.read({ id: 'a' });
    const once = wrong.status('UNAVAILABLE', { times: 1 });
    await expect(probe.read({ id: 'a' })).resolves.toEqual({ id: 'a' });
    expect(once.hits).toBe(1);
  });

  it('is not spent by answers, although they are errors', async () => {
    const { wrong, probe } = await scene(echo, { retry: { initial: 1 } });
    wrong.status('NOT_FOUND', { times: 10 });
    for (let count = 0; count < 10; count += 1)
      await expect(probe.read({ id: 'a' })).rejects.toBeInstanceOf(RemoteNotFoundError);
    wrong.status('UNAVAILABLE', { times: 1 });
    await expect(probe.read({ id: 'a' })).resolves.toEqual({ id: 'a' });
  });
});

it('says that it has shut down to who still calls', async () => {
  const { server, probe } = await scene(echo);
  await server.close();
  const all = [probe.unary({ id: 'a' }), probe.read({ id: 'a' })].map((call) =>
    call.then(undefined, (error: unknown) => error),
  );
  for (const error of await Promise.all(all)) {
    expect(error).toBeInstanceOf(RemoteUnavailableError);
    expect((error as Error).message).toMatch(
      /^\/probe\.v1\.Probe\/(Unary|Read) is not called any more: the application has shut down\.$/,
    );
  }
});
