// A call as it is awaited, subscribed to and gone through, and that it ends on both sides when nobody wants more of it.
import 'reflect-metadata';
import { waitFor } from '@acme/internal-testing';
import { MessageContext } from '@acme/nest-message-context';
import { GrpcResult, GrpcStream, RemoteError, type GrpcService } from '@acme/nest-grpc-errors';
import { startGrpcTestServer, type GrpcTestServer } from '@acme/nest-grpc-errors/testing';
import { lastValueFrom, Observable, of, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { probeModule, PROTO, type Message } from './support/probe-app.js';

interface Probe {
  unary(request?: Message): Promise<Message>;
  clientStream(requests: Observable<Message>): Promise<Message>;
  serverStream(request: Message): Observable<Message>;
}

const open: GrpcTestServer[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** Sends so many messages, says nothing more, and knows when it was left. */
async function scene(messages: number) {
  const calls = { begun: 0, left: 0 };
  const handle = (): Observable<Message> =>
    new Observable((observer) => {
      calls.begun += 1;
      for (let id = 1; id <= messages; id += 1) observer.next({ id: String(id) });
      return () => (calls.left += 1);
    });
  const server = await startGrpcTestServer(probeModule({ handle, logging: false }), {
    packages: 'probe.v1',
    protoPath: PROTO,
    // Whoever is not left is waited for in vain.
    client: { timeout: '10m' },
  });
  open.push(server);
  return { calls, probe: server.client<GrpcService<Probe>>('probe.v1.Probe') };
}

describe('a stream that has fallen silent', () => {
  it('is left by a break', async () => {
    const { calls, probe } = await scene(1);
    for await (const { id } of probe.serverStream({ id: 'a' })) {
      expect(id).toBe('1');
      break;
    }
    await waitFor(() => calls.left === 1);
  });

  it('is left while its next message is waited for', async () => {
    const { calls, probe } = await scene(1);
    const messages = probe.serverStream({ id: 'a' })[Symbol.asyncIterator]();
    expect(await messages.next()).toEqual({ done: false, value: { id: '1' } });
    const next = messages.next();
    expect(await messages.return!()).toEqual({ done: true, value: undefined });
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await messages.next()).toEqual({ done: true, value: undefined });
    await waitFor(() => calls.left === 1);
    expect(calls.begun).toBe(1);
  });

  it('is left before anything has come', async () => {
    const { calls, probe } = await scene(0);
    const messages = probe.serverStream({ id: 'a' })[Symbol.asyncIterator]();
    const next = messages.next();
    await waitFor(() => calls.begun === 1);
    await messages.return!();
    expect(await next).toEqual({ done: true, value: undefined });
    await waitFor(() => calls.left === 1);
  });

  it('is no call at all where it is left before it has begun', async () => {
    const { calls, probe } = await scene(1);
    const messages = probe.serverStream({ id: 'a' })[Symbol.asyncIterator]();
    await messages.return!();
    expect(await messages.next()).toEqual({ done: true, value: undefined });
    await expect(probe.serverStream({ id: 'a' })[Symbol.asyncIterator]().next()).resolves.toEqual({
      done: false,
      value: { id: '1' },
    });
    expect(calls.begun).toBe(1);
  });

  it('is left by who has subscribed to it', async () => {
    const { calls, probe } = await scene(0);
    const subscription = probe.serverStream({ id: 'a' }).subscribe();
    await waitFor(() => calls.begun === 1);
    subscription.unsubscribe();
    await waitFor(() => calls.left === 1);
  });
});

it('leaves a call that has no answer yet, whose one message is gone through', async () => {
  const { calls, probe } = await scene(0);
  const messages = probe.unary({ id: 'a' })[Symbol.asyncIterator]();
  const next = messages.next();
  await waitFor(() => calls.begun === 1);
  await messages.return!();
  expect(await next).toEqual({ done: true, value: undefined });
  await waitFor(() => calls.left === 1);
});

describe('a call', () => {
  it('begins with each loop and each subscription, and once for all who await it', async () => {
    const { calls, probe } = await scene(1);
    const call = probe.unary({ id: 'a' });
    expect(call).toBeInstanceOf(GrpcResult);
    expect(calls.begun).toBe(0);
    expect(await Promise.all([call, call])).toEqual([{ id: '1' }, { id: '1' }]);
    expect(calls.begun).toBe(1);
    for (let turn = 0; turn < 2; turn += 1)
      for await (const message of call) expect(message).toEqual({ id: '1' });
    expect(calls.begun).toBe(3);
    await lastValueFrom(call);
    expect(calls.begun).toBe(4);
    await expect(probe.unary()).resolves.toEqual({ id: '1' });
  });

  it('is a stream where it is answered by one: awaited it is what it is, and no call', async () => {
    const { calls, probe } = await scene(1);
    const stream = probe.serverStream({ id: 'a' });
    expect(stream).toBeInstanceOf(GrpcStream);
    const handedOn = async (): Promise<unknown> => stream;
    expect(await handedOn()).toBe(stream);
    expect(calls.begun).toBe(0);
  });

  it('fails as it does, and ends with that, whichever way it is taken', async () => {
    const { probe } = await scene(1);
    const none = { timeout: 1 };
    const loop = async (): Promise<void> => {
      for await (const _ of probe.serverStream({ id: 'a' }, { timeout: '100ms' })) continue;
    };
    await expect(loop()).rejects.toBeInstanceOf(RemoteError);
    await expect(
      lastValueFrom(probe.serverStream({ id: 'a' }, none).pipe(toArray())),
    ).rejects.toBeInstanceOf(RemoteError);
    const messages = probe
      .serverStream({ id: 'a' }, { timeout: 'soon' as never })
      [Symbol.asyncIterator]();
    await expect(messages.next()).rejects.toThrow('is not a duration');
    expect(await messages.next()).toEqual({ done: true, value: undefined });
  });
});

it('has no deadline of its own where a stream answers, unless it says one', async () => {
  const left: (number | undefined)[] = [];
  const handle = (): Observable<Message> => {
    const { deadline } = MessageContext.require().message;
    left.push(deadline && Math.round((deadline - Date.now()) / 60_000));
    return of({ id: '1' });
  };
  const server = await startGrpcTestServer(probeModule({ handle, logging: false }), {
    packages: 'probe.v1',
    protoPath: PROTO,
    client: { timeout: '10m' },
  });
  open.push(server);
  const probe = server.client<GrpcService<Probe>>('probe.v1.Probe');
  await lastValueFrom(probe.serverStream({ id: 'a' }));
  await lastValueFrom(probe.serverStream({ id: 'a' }, { timeout: '20m' }));
  await probe.clientStream([{ id: 'a' }]);
  expect(left).toEqual([undefined, 20, 10]);
});
