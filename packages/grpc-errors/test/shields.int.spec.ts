// What Nest alone does with these, and what it does with the module: each has its control.
import { Metadata, status as Status, type ServiceError } from '@grpc/grpc-js';
import { randomBytes } from 'node:crypto';
import { waitFor } from '@acme/internal-testing';
import { GrpcError } from '@acme/nest-grpc-errors';
import { MessageContext } from '@acme/nest-message-context';
import { BehaviorSubject, concat, EMPTY, finalize, NEVER, of, throwError } from 'rxjs';
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

  it('that fails after its value has answered, and nothing is told of that', async () => {
    const { invoke, log } = await open({
      handle: () => concat(of({ id: '1' }), throwError(Error)),
    });
    const { messages, error } = await invoke('Unary', SOON);
    expect([messages, error]).toEqual([[{ id: '1' }], undefined]);
    expect(log.messages().filter((text) => text.includes('failed with'))).toEqual([]);
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
    let ended = 0;
    let give!: () => void;
    const given = new Promise<void>((done) => (give = done));
    const { invoke } = await open({
      handle: async () => {
        begun = true;
        await given;
        return NEVER.pipe(finalize(() => (ended += 1)));
      },
    });
    const { error } = await invoke('Unary', {
      onCall: (call) => void waitFor(() => begun).then(() => call.cancel()),
    });
    expect(error && Status[error.code]).toBe('CANCELLED');
    // Another call of the same connection: by then the server knows.
    await invoke('Unary', { timeout: 200 });
    give();
    await waitFor(() => ended === 2);
  });
});

describe('a pass-through handler', () => {
  type Answer = (error: unknown, answer?: unknown, trailers?: unknown) => void;
  interface PassedCall {
    emit(event: 'error', error: unknown): void;
    write(message: unknown): void;
    end(): void;
    resume(): void;
  }
  @GrpcError({ code: 'NOT_FOUND' })
  class OrderNotFoundError extends Error {}
  const huge = new Metadata();
  huge.set('x-huge', randomBytes(90_000).toString('base64'));
  huge.set('x-own', '1');
  const errorOf = ({ error }: { error: ServiceError | undefined }) =>
    error && [Status[error.code], error.details];

  describe.each([
    ['by its callback', 'PassThrough'],
    ['by the call', 'PassThroughBidi'],
  ])('that answers with an error %s', (_, method) => {
    const fails = (error: unknown) =>
      open({
        handle: (call, callback) => {
          if (callback) (callback as Answer)(error);
          else (call as PassedCall).emit('error', error);
        },
      });

    it.each<[string, unknown, [string, string], own?: string[]]>([
      ['a code that is none', { code: 404, message: 'gone' }, ['UNKNOWN', 'gone']],
      ['half a character', { code: 9, details: 'a\ud83d' }, ['FAILED_PRECONDITION', 'a\ufffd']],
      ['an error of its own', new OrderNotFoundError('no order'), ['NOT_FOUND', 'no order']],
      ['what nobody knows', new Error('secret'), ['INTERNAL', 'Internal error']],
      [
        'an error with a status',
        Object.assign(new Error('m'), { code: 5, details: 'as said' }),
        ['NOT_FOUND', 'as said'],
      ],
      [
        'trailers that have no room',
        { code: 9, details: 'm', metadata: huge },
        ['FAILED_PRECONDITION', 'm'],
        ['1'],
      ],
      [
        'trailers that have no room together',
        {
          code: 9,
          details: 'm',
          metadata: { 'x-own': '1', 'x-a': 'a'.repeat(5_000), 'x-b': 'b'.repeat(5_000) },
        },
        ['FAILED_PRECONDITION', 'm'],
        ['1'],
      ],
    ])('is answered, and told of: %s', async (__, error, expected, own = []) => {
      const { invoke, log } = await fails(error);
      const ended = await invoke(method, SOON);
      expect(errorOf(ended)).toEqual(expected);
      expect(log.messages().join('\n')).toContain(
        `/probe.v1.Probe/${method} failed with ${expected[0]}`,
      );
      expect(ended.error!.metadata.get('x-own')).toEqual(own);
      expect(ended.error!.metadata.get('x-b')).toEqual([]);
    });
  });

  it('sends trailers as grpc-js takes them', async () => {
    const { invoke } = await open({
      handle: (_, callback) =>
        (callback as Answer)({ code: 9, details: 'm' }, null, { 'x-own': '1' }),
    });
    const { error } = await invoke('PassThrough', SOON);
    expect([error?.code, error?.metadata.get('x-own')]).toEqual([9, ['1']]);
  });

  it.each([
    ['PassThrough', true],
    ['PassThroughBidi', false],
  ])('keeps its answer when it fails afterwards: %s', async (method, isCallback) => {
    const { invoke, log } = await open({
      handle: (call, callback) => {
        if (isCallback) (callback as Answer)(null, { id: '1' });
        else {
          (call as PassedCall).write({ id: '1' });
          (call as PassedCall).end();
        }
        throw new Error('too late');
      },
    });
    const { messages, error } = await invoke(method, SOON);
    expect([messages, error]).toEqual([[{ id: '1' }], undefined]);
    expect(log.messages('error').join('\n')).toContain(
      `/probe.v1.Probe/${method} was answered, and its handler has failed after that: "too late"`,
    );
  });

  it('answers once', async () => {
    const { invoke } = await open({
      handle: (_, callback) => {
        (callback as Answer)(null, { id: '1' });
        (callback as Answer)(null, { id: '2' });
      },
    });
    expect((await invoke('PassThrough', SOON)).messages).toEqual([{ id: '1' }]);
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
