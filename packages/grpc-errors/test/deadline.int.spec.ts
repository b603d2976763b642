// How long a call may take here, whatever its caller says.
import { status as Status } from '@grpc/grpc-js';
import { MessageContext, MessageContextModule } from '@acme/nest-message-context';
import { GrpcDeadline, GrpcErrorsModule } from '@acme/nest-grpc-errors';
import { openContext, waitFor } from '@acme/internal-testing';
import { Controller, Get, Module } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { interval, map, NEVER } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { openProbe, type ProbeOptions } from './support/probe-app.js';

let opened: Awaited<ReturnType<typeof openProbe>> | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});
const open = async (options: ProbeOptions) => (opened = await openProbe(options));
const never = (): Promise<never> => new Promise(() => {});
/** As many milliseconds as its message has left. */
const left = (): { id: string } => ({
  id: String((MessageContext.require().message.deadline ?? Infinity) - Date.now()),
});

describe('a call', () => {
  it.each([
    ['a promise', never],
    ['a stream', () => NEVER],
  ])('is answered when its time is up, and its signal aborted: %s', async (_, handle) => {
    let aborted: unknown;
    const { invoke, log } = await open({
      handle: () => {
        const { signal } = MessageContext.require().message;
        signal.addEventListener('abort', () => (aborted = signal.reason));
        return handle();
      },
      deadline: { max: 100 },
    });
    const { error, status } = await invoke('Unary', { timeout: 5_000 });
    expect([error && Status[error.code], error?.details]).toEqual([
      'DEADLINE_EXCEEDED',
      'The call took longer than the 0.1 s that it may.',
    ]);
    expect(status?.details.errorInfo?.reason).toBe('DEADLINE_EXCEEDED');
    await waitFor(() => aborted);
    expect(aborted).toMatchObject({ name: 'TimeoutError' });
    expect(log.messages('warn').join()).toContain('failed with DEADLINE_EXCEEDED');
  });

  it('that fails after it was answered is told of all the same', async () => {
    const { invoke, log } = await open({
      handle: async () => {
        const { signal } = MessageContext.require().message;
        await new Promise((aborted) => signal.addEventListener('abort', aborted));
        throw new Error('what came of it');
      },
      deadline: { max: 50 },
    });
    await invoke('Unary');
    const line = await waitFor(() =>
      log.messages('error').find((text) => text.includes('what came')),
    );
    expect(line).toContain('what came of it');
  });

  it('without a deadline has that by default; one that has its own keeps it', async () => {
    const { invoke } = await open({ handle: left, deadline: { default: '2s' } });
    const without = Number((await invoke('Unary', { timeout: Infinity })).messages[0]!.id);
    expect(without).toBeGreaterThan(1_000);
    expect(without).toBeLessThanOrEqual(2_000);
    const own = Number((await invoke('Unary', { timeout: 60_000 })).messages[0]!.id);
    expect(own).toBeGreaterThan(50_000);
  });

  it('that is answered by a stream has none by default, and no more than the most', async () => {
    const ticks = () => interval(20).pipe(map((n) => ({ id: String(n) })));
    const { invoke } = await open({ handle: ticks, deadline: { default: 50, max: 200 } });
    const { error, messages } = await invoke('ServerStream', { timeout: Infinity });
    expect(error && Status[error.code]).toBe('DEADLINE_EXCEEDED');
    expect(messages.length).toBeGreaterThan(4);
  });

  it('that wants more is refused, where that is wanted', async () => {
    let handled = 0;
    const { invoke } = await open({
      handle: () => {
        handled += 1;
        return { id: 'a' };
      },
      deadline: { max: '1s', onExceed: 'reject' },
    });
    const { error, status } = await invoke('Unary', { timeout: 5_000 });
    expect([error && Status[error.code], status?.details.errorInfo?.reason, handled]).toEqual([
      'INVALID_ARGUMENT',
      'DEADLINE_TOO_LONG',
      0,
    ]);
    expect((await invoke('Unary', { timeout: 900 })).error).toBeUndefined();
  });

  it('that has too little left is refused before it begins', async () => {
    let handled = 0;
    const { invoke } = await open({
      handle: () => {
        handled += 1;
        return { id: 'a' };
      },
      deadline: { minRemaining: '10s' },
    });
    const { error, status } = await invoke('Unary', { timeout: 5_000 });
    expect([error && Status[error.code], status?.details.errorInfo?.reason, handled]).toEqual([
      'DEADLINE_EXCEEDED',
      'DEADLINE_TOO_SHORT',
      0,
    ]);
  });
});

describe('@GrpcDeadline()', () => {
  it('is the most that a handler may take, and the module’s the most of all', async () => {
    const first = await open({ handle: never, decorate: GrpcDeadline(80) as ClassDecorator });
    expect((await first.invoke('Unary')).error?.details).toBe(
      'The call took longer than the 80 ms that it may.',
    );
    await first.close();
    const second = await open({
      handle: never,
      decorate: GrpcDeadline('5s') as ClassDecorator,
      deadline: { max: 90 },
    });
    expect((await second.invoke('Unary')).error?.details).toBe(
      'The call took longer than the 90 ms that it may.',
    );
  });

  it.each<[string, MethodDecorator, unknown, string]>([
    ['no duration', GrpcMethod('Probe', 'Unary'), 'soon', 'time: "soon" is not a duration'],
    ['an HTTP handler', Get(), '1s', 'http: it limits calls of gRPC only'],
  ])('is refused at boot: %s', async (_, kind, most, said) => {
    @Controller()
    class Probe {
      @GrpcDeadline(most as never)
      @kind
      unary(): void {}
    }
    @Module({
      imports: [MessageContextModule.forRoot(), GrpcErrorsModule.forRoot({ domain: 'probe.test' })],
      controllers: [Probe],
    })
    class ProbeModule {}
    await expect(openContext(ProbeModule)).rejects.toThrow(
      `@GrpcDeadline() on Probe.unary: ${said}`,
    );
  });
});
