import { NEVER, of, throwError, type Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Contexts } from '../src/context/contexts.js';
import type { InboundMessage } from '../src/context/inbound-message.js';
import type { CancellationSource } from '../src/context/cancellation.js';
import { scoped } from '../src/transports/rpc/scoped.js';

const contexts = new Contexts({ generateId: () => 'id', trustIdentity: () => false }, () => {});
const message = (deadline?: number, cancellation?: CancellationSource): InboundMessage =>
  contexts.open(
    {
      transport: 'grpc',
      name: 'n',
      payload: 1,
      expectsReply: true,
      raw: {},
      deadline,
      cancellation,
    },
    false,
  ).message;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const inMs = (ms: number): number => Date.now() + ms;

describe('the abort signal of a message', () => {
  it('listens to nothing until somebody asks for it, and then once', () => {
    const source = vi.fn<CancellationSource>(() => () => {});
    const one = message(inMs(10), source);
    expect([source.mock.calls.length, vi.getTimerCount()]).toEqual([0, 0]);
    expect(one.signal).toBe(one.signal);
    expect([source.mock.calls.length, vi.getTimerCount()]).toEqual([1, 1]);
  });

  it('fires at the deadline, saying so', () => {
    const { signal } = message(inMs(10));
    vi.advanceTimersByTime(9);
    expect(signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('has fired when the deadline has passed', () => {
    expect(message(inMs(0)).signal.aborted).toBe(true);
    expect(message(inMs(-5)).signal.aborted).toBe(true);
  });

  it('fires when the time is up that a stage allows, unless it has fired before', () => {
    const [before, after, sooner, ended] = [
      message(),
      message(inMs(50)),
      message(inMs(5)),
      message(),
    ];
    before.allow(10);
    const signals = [before, after, sooner].map(({ signal }) => signal);
    after.allow(10);
    sooner.allow(10);
    const deadlines = [before, after, sooner].map(({ deadline }) => deadline);
    expect(deadlines).toEqual([inMs(10), inMs(10), inMs(5)]);
    expect(vi.getTimerCount()).toBe(3);
    ended.end();
    ended.allow(1);
    vi.advanceTimersByTime(9);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, true]);
    vi.advanceTimersByTime(1);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
    expect(ended.signal.aborted).toBe(false);
  });

  it('begins anew with an attempt that follows here, and keeps the deadline of the sender', () => {
    const [one, due] = [message(), message(inMs(15))];
    for (const each of [one, due]) each.allow(10);
    const first = [one.signal, due.signal];
    vi.advanceTimersByTime(10);
    expect(first.every(({ aborted }) => aborted)).toBe(true);
    for (const each of [one, due]) each.repeatAs(2);
    expect([one.signal.aborted, due.signal.aborted]).toEqual([false, false]);
    vi.advanceTimersByTime(5);
    expect([one.signal.aborted, due.signal.aborted]).toEqual([false, true]);
    vi.advanceTimersByTime(5);
    expect(one.signal.aborted).toBe(true);
    for (const each of [one, due]) each.end();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not fire at once for a deadline further away than timers go', () => {
    const { signal } = message(inMs(2 ** 31 + 1000));
    vi.advanceTimersByTime(60_000);
    expect(signal.aborted).toBe(false);
  });

  it('fires when the caller gives up, with that reason, once', () => {
    let giveUp: (reason: Error) => void = () => {};
    const one = message(inMs(10), (onCancel) => {
      giveUp = onCancel;
      return () => {};
    });
    const { signal } = one;
    giveUp(new Error('first'));
    giveUp(new Error('second'));
    vi.advanceTimersByTime(20);
    expect(signal.reason).toMatchObject({ message: 'first' });
  });

  it('has fired when the caller gave up before anybody asked', () => {
    const { signal } = message(undefined, (onCancel) => {
      onCancel(new Error('gone'));
      return () => {};
    });
    expect(signal.reason).toMatchObject({ message: 'gone' });
  });

  it('never fires after the end, and holds nothing', () => {
    let giveUp: (reason: Error) => void = () => {};
    const release = vi.fn<() => void>();
    const one = message(inMs(10), (onCancel) => {
      giveUp = onCancel;
      return release;
    });
    const { signal } = one;
    one.end();
    one.end();
    expect([release.mock.calls.length, vi.getTimerCount()]).toEqual([1, 0]);
    giveUp(new Error('late'));
    vi.advanceTimersByTime(20);
    expect(signal.aborted).toBe(false);
  });

  it('fires when the message is abandoned, for whoever asks for it later, too', () => {
    const asked = message();
    const { signal } = asked;
    asked.abandon(new Error('gone'));
    expect(signal.reason).toMatchObject({ message: 'gone' });
    const later = message();
    later.abandon(new Error('gone'));
    later.end();
    expect(later.signal.reason).toMatchObject({ message: 'gone' });
  });

  it('never fires when the message is abandoned after its end', () => {
    const one = message();
    one.end();
    one.abandon(new Error('late'));
    expect(one.signal.aborted).toBe(false);
  });

  it('never fires when it is asked for only after the end', () => {
    const source = vi.fn<CancellationSource>(() => () => {});
    const one = message(inMs(-5), source);
    one.end();
    expect(one.signal.aborted).toBe(false);
    expect([source.mock.calls.length, vi.getTimerCount()]).toEqual([0, 0]);
  });
});

describe('the signal of a message that is answered by a stream', () => {
  const afterReading = (source: Observable<unknown>): AbortSignal => {
    const context = contexts.open(
      { transport: 'grpc', name: 'n', payload: 1, expectsReply: true, raw: {} },
      false,
    );
    const { signal } = context.message;
    scoped(source, context)
      .subscribe({ error: () => {} })
      .unsubscribe();
    return signal;
  };

  it('is aborted when the stream is not read to its end', () => {
    expect(afterReading(NEVER).reason).toMatchObject({ name: 'AbortError' });
  });

  it('is not when the stream has ended, well or badly', () => {
    expect(afterReading(of(1)).aborted).toBe(false);
    expect(afterReading(throwError(() => new Error('failed'))).aborted).toBe(false);
  });
});
