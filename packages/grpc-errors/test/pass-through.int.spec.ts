// Handlers that have the call itself, and what becomes of it when they destroy it.
import { randomBytes } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import type { Duplex } from 'node:stream';
import { Metadata, status as Status } from '@grpc/grpc-js';
import { waitFor } from '@acme/internal-testing';
import { GrpcError } from '@acme/nest-grpc-errors';
import { EMPTY } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { openProbe, type Ended, type Message, type ProbeOptions } from './support/probe-app.js';

let opened: Awaited<ReturnType<typeof openProbe>> | undefined;
const rejections: unknown[] = [];
const onRejection = (error: unknown): void => void rejections.push(error);
process.on('unhandledRejection', onRejection);
afterEach(async () => {
  await opened?.close();
  opened = undefined;
  const [rejection] = rejections.splice(0);
  if (rejection) throw new Error('The process would have ended.', { cause: rejection });
});

const open = async (options: ProbeOptions) => (opened = await openProbe(options));

type Answer = (error: unknown, answer?: unknown) => void;
/** As grpc-js gives it. */
interface Call extends Duplex {
  readonly cancelled: boolean;
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<Message>;
}
type Handler = (call: Call, answer?: Answer) => unknown;

@GrpcError({ code: 'ABORTED' })
class OrderLockedError extends Error {}
const locked = () => new OrderLockedError('locked');

const huge = new Metadata();
huge.set('x-huge', randomBytes(90_000).toString('base64'));
huge.set('x-own', '1');

const METHODS = ['PassThrough', 'PassThroughBidi'] as const;
/** Long enough for an answer, and short where there is none. */
const SOON = { timeout: 700 };

const openWith = (handle: Handler, options: Partial<ProbeOptions> = {}) =>
  open({ ...options, handle: handle as ProbeOptions['handle'] });
const endOf = async (method: string, handle: Handler, options?: Partial<ProbeOptions>) => {
  const { invoke } = await openWith(handle, options);
  return invoke(method, SOON);
};
const outcome = ({ messages, error }: Ended) => [
  messages.map(({ id }) => id),
  error && [Status[error.code], error.details],
];
const ABORTED = ['ABORTED', 'locked'];

describe.each(METHODS)('a loop over the requests of %s', (method) => {
  const answered = (call: Call, answer: Answer | undefined): void => {
    if (answer) return answer(null, { id: 'end' });
    call.write({ id: 'end' });
    call.end();
  };

  it('that is left by an error has that reach the caller', async () => {
    const ended = await endOf(method, async (call) => {
      for await (const _ of call) throw locked();
    });
    expect(outcome(ended)).toEqual([[], ABORTED]);
  });

  it('that has come to its end can be answered', async () => {
    const ended = await endOf(method, async (call, answer) => {
      for await (const _ of call) continue;
      answered(call, answer);
    });
    expect(outcome(ended)).toEqual([['end'], undefined]);
    expect(opened!.log.messages('error')).toEqual([]);
  });

  it('that is left by a break can be answered', async () => {
    const ended = await endOf(method, async (call, answer) => {
      for await (const _ of call) break;
      answered(call, answer);
    });
    expect(outcome(ended)).toEqual([['end'], undefined]);
  });

  it('that is left without an answer lets nobody wait, and is told of', async () => {
    const ended = await endOf(method, async (call) => {
      for await (const _ of call) break;
    });
    expect(ended.error && Status[ended.error.code]).toBe('INTERNAL');
    expect(opened!.log.messages('error').join('\n')).toContain(
      'its handler has destroyed the call without an answer',
    );
  });

  it('is left when the caller has gone', async () => {
    let left = false;
    let begun = false;
    let passed: Call | undefined;
    const { invoke } = await openWith(async (call) => {
      begun = true;
      passed = call;
      try {
        for await (const _ of call) continue;
      } finally {
        left = true;
      }
    });
    await invoke(method, {
      onCall: (call) => {
        call.write({ id: 'a' });
        void waitFor(() => begun).then(() => call.cancel());
      },
    });
    await waitFor(() => left);
    // Nothing is left of it.
    await waitFor(() => passed!.destroyed);
  });
});

it('without that a loop that has come to its end can be answered by nobody', async () => {
  const plain: Handler = async (call) => {
    for await (const _ of call) continue;
    call.end();
  };
  const ended = await endOf('PassThroughBidi', plain, { shields: { passThrough: false } });
  expect(ended.error && Status[ended.error.code]).toBe('DEADLINE_EXCEEDED');
});

it.each([
  ['texts', { 'x-own': '1', 'x-none': 7 }],
  ['what has no room', huge],
])('a stream of answers ends with trailers that can be sent: %s', async (_, trailers) => {
  const { invoke } = await openWith((call) => void call.end(trailers as never));
  let own: unknown;
  const { error } = await invoke('PassThroughBidi', {
    ...SOON,
    onCall: (call) => {
      call.on('status', ({ metadata }) => (own = metadata.get('x-own')));
      call.end();
    },
  });
  expect([error, own]).toEqual([undefined, ['1']]);
});

describe.each(METHODS)('a call of %s', (method) => {
  it('that its handler destroys with an error fails with that', async () => {
    expect(outcome(await endOf(method, (call) => void call.destroy(locked())))).toEqual([
      [],
      ABORTED,
    ]);
  });

  it('that is destroyed after its handler has ended fails with that', async () => {
    const ended = await endOf(method, (call) => void call.on('data', () => call.destroy(locked())));
    expect(outcome(ended)).toEqual([[], ABORTED]);
  });

  it('fails with what its handler throws, if that is another error than it was destroyed with', async () => {
    const ended = await endOf(method, async (call) => {
      call.destroy(new Error('of the stream'));
      throw locked();
    });
    expect(outcome(ended)).toEqual([[], ABORTED]);
  });

  it('whose handler has given a stream that has ended fails with what it was destroyed with', async () => {
    const ended = await endOf(method, (call) => {
      call.destroy(locked());
      return EMPTY;
    });
    expect(outcome(ended)).toEqual([[], ABORTED]);
  });

  it('that is taken by a pipeline fails with what that fails with', async () => {
    const ended = await endOf(method, async (call) => {
      await pipeline(
        call,
        async function* (messages: AsyncIterable<Message>) {
          for await (const message of messages) {
            if (message.id === 'a') throw locked();
            yield message;
          }
        },
        call,
      );
    });
    expect(outcome(ended)).toEqual([[], ABORTED]);
  });

  it('is told of as closed to whoever listens for it', async () => {
    let closed = 0;
    const ended = await endOf(method, async (call) => {
      const isClosed = new Promise((close) => call.on('close', close));
      call.on('close', () => (closed += 1));
      call.destroy();
      await isClosed;
      throw locked();
    });
    expect(outcome(ended)).toEqual([[], ABORTED]);
    expect(closed).toBeGreaterThan(0);
  });

  it('that was answered keeps that, whatever it is destroyed with', async () => {
    const ended = await endOf(method, (call, answer) => {
      if (answer) answer(null, { id: 'end' });
      else call.write({ id: 'end' });
      call.end();
      call.destroy(new Error('too late'));
    });
    expect(outcome(ended)).toEqual([['end'], undefined]);
    expect(opened!.log.messages('error').join('\n')).toContain(
      'was answered, and its handler has failed after that: "too late"',
    );
  });

  it('that was answered keeps that when its time is up, of which nothing is told', async () => {
    let calls = 0;
    const { invoke, log } = await openWith(
      (call, answer) => {
        calls += 1;
        if (calls === 1) {
          if (answer) answer(null, { id: 'end' });
          else call.write({ id: 'end' });
          call.end();
        }
        return new Promise(() => {});
      },
      { deadline: { max: 100 } },
    );
    expect(outcome(await invoke(method, SOON))).toEqual([['end'], undefined]);
    // Its time is up after that of the first.
    expect((await invoke(method, SOON)).error?.code).toBe(Status.DEADLINE_EXCEEDED);
    expect(log.messages('warn').filter((line) => line.includes('failed with'))).toHaveLength(1);
  });

  it('has an end when its time is up, and ends no process', async () => {
    const ended = await endOf(method, () => new Promise(() => {}), { deadline: { max: 100 } });
    expect(ended.error && [Status[ended.error.code], ended.error.details]).toEqual([
      'DEADLINE_EXCEEDED',
      'The call took longer than the 0.1 s that it may.',
    ]);
  });

  it('is refused where it has too little time, and ends no process', async () => {
    const ended = await endOf(method, () => {}, { deadline: { minRemaining: '10s' } });
    expect(ended.status?.details.errorInfo?.reason).toBe('DEADLINE_TOO_SHORT');
  });
});
