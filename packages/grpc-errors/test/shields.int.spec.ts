// What Nest alone does with these, and what it does with the module: each has its control.
import { status as Status } from '@grpc/grpc-js';
import { waitFor } from '@acme/internal-testing';
import { MessageContext } from '@acme/nest-message-context';
import { BehaviorSubject, EMPTY, finalize, NEVER, of, throwError } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { openProbe, type ProbeOptions } from './support/probe-app.js';

let opened: Awaited<ReturnType<typeof openProbe>> | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

const open = async (options: ProbeOptions) => (opened = await openProbe(options));

/** Long enough for an answer, and short where there is none. */
const SOON = { timeout: 700 };

describe('a unary handler', () => {
  it.each([
    ['that gives nothing', () => EMPTY],
    ['that returns nothing', () => undefined],
    ['that returns null', () => null],
    ['whose stream gives undefined', () => of(undefined)],
  ])('%s is told of, and its caller is answered', async (_, handle) => {
    const { invoke, log } = await open({ handle });
    const { error } = await invoke('Unary', SOON);
    expect(error && Status[error.code]).toBe('INTERNAL');
    expect(log.messages('error').join('\n')).toContain(
      'the handler of /probe.v1.Probe/Unary has returned nothing',
    );
  });

  it('that gives nothing lets its caller wait without that', async () => {
    const { invoke } = await open({ handle: () => EMPTY, shields: { unaryAnswer: false } });
    const { error } = await invoke('Unary', SOON);
    expect(error && Status[error.code]).toBe('DEADLINE_EXCEEDED');
  });

  it('that gives two values answers with the first, and is told of', async () => {
    const { invoke, log } = await open({ handle: () => of({ id: '1' }, { id: '2' }, { id: '3' }) });
    const { messages, error } = await invoke('Unary', SOON);
    expect([messages, error]).toEqual([[{ id: '1' }], undefined]);
    expect(
      log.messages('warn').filter((text) => text.includes('more than one value')),
    ).toHaveLength(1);
  });

  it('that gives two values is answered to nobody without that', async () => {
    const { invoke } = await open({
      handle: () => of({ id: '1' }, { id: '2' }),
      shields: { unaryAnswer: false },
    });
    const { messages, error } = await invoke('Unary', SOON);
    expect([messages.length, error === undefined]).not.toEqual([1, true]);
  });

  it.each([
    [true, 'is ended'],
    [false, 'goes on without that'],
  ])('whose caller has gone (%s) %s', async (unaryAnswer) => {
    let ended = false;
    let begun = false;
    const { invoke } = await open({
      handle: () => {
        begun = true;
        return NEVER.pipe(finalize(() => (ended = true)));
      },
      shields: { unaryAnswer },
    });
    const { error } = await invoke('Unary', {
      onCall: (call) => void waitFor(() => begun).then(() => call.cancel()),
    });
    expect(error && Status[error.code]).toBe('CANCELLED');
    // The server has heard of it once it has answered another call of the same connection.
    const other = invoke('Unary', { timeout: 300 });
    await waitFor(() => ended === unaryAnswer);
    await other;
    expect(ended).toBe(unaryAnswer);
  });
});

describe('a handler that has answered', () => {
  it('has ended, although its stream goes on: its signal stays silent, and nothing is left of it', async () => {
    let ended = 0;
    const signals: AbortSignal[] = [];
    const { invoke } = await open({
      handle: () => {
        signals.push(MessageContext.require().message.signal);
        return new BehaviorSubject({ id: '1' }).pipe(finalize(() => (ended += 1)));
      },
    });
    expect((await invoke('Unary', SOON)).messages).toEqual([{ id: '1' }]);
    expect((await invoke('ClientStream', SOON)).messages).toEqual([{ id: '1' }]);
    await waitFor(() => ended === 2);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
  });

  it('is torn down where its caller has gone before it had a stream', async () => {
    let begun = false;
    let ended = false;
    let give!: () => void;
    const given = new Promise<void>((done) => (give = done));
    const { invoke } = await open({
      handle: async () => {
        begun = true;
        await given;
        return NEVER.pipe(finalize(() => (ended = true)));
      },
    });
    const { error } = await invoke('Unary', {
      onCall: (call) => void waitFor(() => begun).then(() => call.cancel()),
    });
    expect(error && Status[error.code]).toBe('CANCELLED');
    // Another call of the same connection: by then the server knows.
    await invoke('Unary', { timeout: 200 });
    give();
    await waitFor(() => ended);
  });
});

describe('text that cannot be sent', () => {
  it.each([
    ['half a character', 'a\ud83d'],
    ['a zero', 'a\0b'],
    ['a megabyte', 'x'.repeat(1_000_000)],
    ['other alphabets, and what is encoded', 'ключ 100% \n 日本 🎉'],
  ])('is sent as far as it can: %s', async (_, message) => {
    const { invoke } = await open({
      handle: () => throwError(() => Object.assign(new Error(message), { name: 'Broken' })),
      mappings: [
        [
          (error) => (error as Error).name === 'Broken',
          { code: 'FAILED_PRECONDITION', reason: 'BROKEN', metadata: () => ({ text: message }) },
        ],
      ],
    });
    const { error, status } = await invoke('Unary', { timeout: 3_000 });
    expect(error && Status[error.code]).toBe('FAILED_PRECONDITION');
    expect(Buffer.byteLength(error!.details)).toBeLessThanOrEqual(1_024);
    expect(status?.details.errorInfo?.reason).toBe('BROKEN');
    expect(error!.details.isWellFormed()).toBe(true);
  });
});
