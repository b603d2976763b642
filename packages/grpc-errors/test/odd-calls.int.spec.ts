// Calls that are made, left and given up as nobody should: each ends, with an error that says why, and leaves nothing behind.
import 'reflect-metadata';
import { getEventListeners } from 'node:events';
import { waitFor } from '@acme/internal-testing';
import { MessageContext } from '@acme/nest-message-context';
import { RemoteCancelledError, type GrpcService } from '@acme/nest-grpc-errors';
import {
  faults,
  startGrpcTestServer,
  type GrpcTestServer,
  type GrpcTestServerOptions,
} from '@acme/nest-grpc-errors/testing';
import { first, lastValueFrom, map, NEVER, Observable, range, throwError, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { probeModule, PROTO, type Message, type ProbeOptions } from './support/probe-app.js';

interface Probe {
  unary(request: Message): Promise<Message>;
  read(request: Message): Promise<Message>;
  serverStream(request: Message): Observable<Message>;
  clientStream(requests: Observable<Message>): Promise<Message>;
  bidi(requests: Observable<Message>): Observable<Message>;
}
type Service = GrpcService<Probe>;

const open: GrpcTestServer[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function scene(
  handle: ProbeOptions['handle'],
  client: Exclude<GrpcTestServerOptions['client'], undefined> = {},
) {
  const wrong = faults();
  const server = await startGrpcTestServer(probeModule({ handle, logging: false }), {
    packages: 'probe.v1',
    protoPath: PROTO,
    faults: wrong,
    client: { timeout: '5s', ...client },
  });
  open.push(server);
  return { wrong, probe: server.client<Service>('probe.v1.Probe') };
}

const echo = (message: unknown): unknown => message;
const failed = (call: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(call).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a promise', () => {
  it('is what a call can be taken for', async () => {
    const { probe } = await scene((message) => {
      if ((message as Message).id === 'fail') throw new Error('no');
      return message;
    });
    let ends = 0;
    const told = (): void => void (ends += 1);
    await expect(probe.unary({ id: 'a' }).finally(told)).resolves.toEqual({ id: 'a' });
    await expect(probe.unary({ id: 'a' }).catch(() => 'caught')).resolves.toEqual({ id: 'a' });
    await expect(probe.unary({ id: 'fail' }).catch(() => 'caught')).resolves.toBe('caught');
    await expect(probe.unary({ id: 'fail' }).finally(told)).rejects.toMatchObject({
      status: 'INTERNAL',
    });
    expect(ends).toBe(2);
  });
});

it('has methods by the names of their proto file as well, as a client of Nest has', async () => {
  const { probe } = await scene(echo);
  const { Unary } = probe as unknown as { Unary: Service['unary'] };
  await expect(Unary({ id: 'a' })).resolves.toEqual({ id: 'a' });
});

describe('a signal', () => {
  it('that is aborted before has the call not sent, and nothing of its request taken', async () => {
    let handled = 0;
    const { probe } = await scene((message) => {
      handled += 1;
      return message;
    });
    let taken = 0;
    function* requests(): Generator<Message> {
      taken += 1;
      yield { id: 'a' };
    }
    const signal = AbortSignal.abort();
    expect(await failed(probe.unary({ id: 'a' }, { signal }))).toBeInstanceOf(RemoteCancelledError);
    expect(await failed(probe.clientStream(requests(), { signal }))).toBeInstanceOf(
      RemoteCancelledError,
    );
    await probe.read({ id: 'a' });
    expect([handled, taken]).toEqual([1, 0]);
  });

  it('that is of another kind does as well: of jsdom, or of a package', async () => {
    const { probe } = await scene(() => NEVER);
    const listeners = new Set<(event: object) => void>();
    const signal = {
      aborted: false,
      reason: new Error('mine'),
      addEventListener: (_: string, listener: (event: object) => void) => listeners.add(listener),
      removeEventListener: (_: string, one: (event: object) => void) => listeners.delete(one),
    };
    const call = failed(probe.unary({ id: 'a' }, { signal: signal as never }));
    await waitFor(() => listeners.size === 1);
    for (const listener of listeners) listener({ target: signal });
    expect(await call).toBe(signal.reason);
    expect(listeners.size).toBe(0);
  });

  it('whose time is up is a deadline that has passed', async () => {
    const { probe } = await scene(() => NEVER);
    const error = await failed(probe.unary({ id: 'a' }, { signal: AbortSignal.timeout(50) }));
    expect(error).toMatchObject({
      status: 'DEADLINE_EXCEEDED',
      stack: expect.stringMatching(/^RemoteDeadlineExceededError: .*\n {4}at /) as string,
    });
  });

  it('that is none fails the call before it is sent', async () => {
    let handled = 0;
    const { probe } = await scene((message) => {
      handled += 1;
      return message;
    });
    const error = await failed(probe.unary({ id: 'a' }, { signal: {} as never }));
    expect(error).toMatchObject({
      message: expect.stringMatching(/^signal: .* is no AbortSignal\.$/) as string,
    });
    await probe.unary({ id: 'a' });
    expect(handled).toBe(1);
  });

  it('that is aborted in the pause before another attempt says why, and is left', async () => {
    const { wrong, probe } = await scene(echo);
    const away = wrong.status('UNAVAILABLE', { retryAfter: '2s' });
    const stop = new AbortController();
    const call = failed(probe.read({ id: 'a' }, { signal: stop.signal }));
    await waitFor(() => away.hits === 1);
    // Its answer is on its way.
    await failed(probe.unary({ id: 'a' }));
    const reason = new Error('mine');
    stop.abort(reason);
    expect(await call).toBe(reason);
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  });
});

it('is not made again by who has left it in the pause before', async () => {
  const { wrong, probe } = await scene(echo);
  const away = wrong.status('UNAVAILABLE', { retryAfter: 100, times: 1 });
  const subscription = probe.read({ id: 'a' }).subscribe({ error: () => {} });
  await waitFor(() => away.hits === 1);
  await probe.unary({ id: 'a' });
  subscription.unsubscribe();
  let handled = 0;
  const later = await scene((message) => {
    handled += 1;
    return message;
  });
  later.wrong.latency(150);
  await later.probe.unary({ id: 'a' });
  expect([away.hits, handled]).toEqual([1, 1]);
});

describe('a request', () => {
  it('that fails with what is no error says that it was given up, and with what', async () => {
    const { probe } = await scene(() => NEVER);
    const error = await failed(probe.clientStream(throwError(() => 'text')));
    expect(error).toBeInstanceOf(RemoteCancelledError);
    expect(error).toMatchObject({
      message: expect.stringContaining('by what it was to send: see `cause`') as string,
      cause: 'text',
    });
  });

  it('whose iterator fails to be left does no harm', async () => {
    const { probe } = await scene((messages) =>
      (messages as Observable<Message>).pipe(
        first(),
        map(({ id }) => ({ id: `${id}!` })),
      ),
    );
    let left = 0;
    const requests = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false as const, value: { id: 'a' } }),
        return: async () => {
          left += 1;
          throw new Error('return');
        },
      }),
    };
    await expect(probe.clientStream(requests as never)).resolves.toEqual({ id: 'a!' });
    await waitFor(() => left === 1);
  });

  it.each(['at once', 'in its first step'])(
    'that throws %s is what the call fails with',
    async (when) => {
      const { probe } = await scene(() => NEVER);
      const broken = (): never => {
        throw new Error(when);
      };
      const requests = {
        [Symbol.asyncIterator]: when === 'at once' ? broken : () => ({ next: broken }),
      };
      await expect(probe.clientStream(requests as never)).rejects.toThrow(when);
      await expect(lastValueFrom(probe.bidi(requests as never))).rejects.toThrow(when);
    },
  );

  it('that is the stream of another call is taken one by one', async () => {
    let sent = 0;
    const { probe: source } = await scene(() =>
      range(0, 1_000).pipe(map(() => ({ id: 'x'.repeat((sent += 1) && 10_000) }))),
    );
    const { probe } = await scene(() => NEVER);
    const stream = source.serverStream({ id: 'a' });
    let subscribed = 0;
    const watched = Object.assign(stream, {
      subscribe: () => {
        subscribed += 1;
        throw new Error('not one by one');
      },
    });
    await expect(probe.clientStream(watched, { timeout: 300 })).rejects.toMatchObject({
      status: 'DEADLINE_EXCEEDED',
    });
    expect(subscribed).toBe(0);
    const { probe: counting } = await scene((messages) =>
      (messages as Observable<Message>).pipe(
        toArray(),
        map((all) => ({ id: String(all.length) })),
      ),
    );
    await expect(counting.clientStream(source.serverStream({ id: 'a' }))).resolves.toEqual({
      id: '1000',
    });
  });
});

describe('a call that is made', () => {
  it('is cancelled with its message, also where nobody but a promise waits for it', async () => {
    let isAborted = false;
    let begun = false;
    const { probe: last } = await scene(() => {
      begun = true;
      const { signal } = MessageContext.require().message;
      signal.addEventListener('abort', () => (isAborted = true));
      return NEVER;
    });
    const seen: unknown[] = [];
    const { probe } = await scene(async (message) => {
      seen.push(await failed(last.unary({ id: 'b' }, { timeout: '1h' })));
      return message;
    });
    const stop = new AbortController();
    const call = failed(probe.unary({ id: 'a' }, { signal: stop.signal, timeout: '1h' }));
    await waitFor(() => begun);
    stop.abort();
    expect(await call).toBeInstanceOf(RemoteCancelledError);
    await waitFor(() => isAborted && seen.length === 1);
    expect(seen[0]).toBeInstanceOf(RemoteCancelledError);
  });

  it('a thousand times in one message is answered as often', async () => {
    const { probe: last } = await scene(echo, { timeout: '30s' });
    const { probe } = await scene(
      async () => {
        const ids = Array.from({ length: 1_000 }, (_, number) => String(number));
        const answers = await Promise.all(ids.map((id) => last.unary({ id })));
        return { id: String(answers.filter(({ id }, at) => id === ids[at]).length) };
      },
      { timeout: '30s' },
    );
    await expect(probe.unary({ id: 'a' })).resolves.toEqual({ id: '1000' });
  });

  it('when its message has ended belongs to it, and has what that had left', async () => {
    const { probe: last } = await scene(() => ({
      id: MessageContext.require().correlationId,
    }));
    let later: Promise<Message> | undefined;
    let own = '';
    const ended = new AbortController();
    const { probe } = await scene((message) => {
      own = MessageContext.require().correlationId;
      ended.signal.addEventListener(
        'abort',
        MessageContext.bind(() => {
          later = (async () => last.unary({ id: 'b' }))();
        }),
      );
      return message;
    });
    await probe.unary({ id: 'a' }, { timeout: '4s' });
    ended.abort();
    await expect(later).resolves.toEqual({ id: own });
  });

  it('with less time than its reserve fails without being sent', async () => {
    let handled = 0;
    const { probe: last } = await scene(
      (message) => {
        handled += 1;
        return message;
      },
      { reserve: '4s' },
    );
    let seen: unknown;
    const { probe } = await scene(async (message) => {
      seen = await failed(last.unary({ id: 'b' }));
      return message;
    });
    await probe.unary({ id: 'a' }, { timeout: '3s' });
    expect(seen).toMatchObject({
      status: 'DEADLINE_EXCEEDED',
      message: expect.stringContaining('There is no time left') as string,
    });
    expect(handled).toBe(0);
  });
});
