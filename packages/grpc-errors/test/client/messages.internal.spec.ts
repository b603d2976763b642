// Messages that come, end and fail while somebody leaves: in every order.
import { describe, expect, it } from 'vitest';
import { Messages, type OpenCall } from '../../src/client/messages.js';

const DONE = { done: true, value: undefined };

interface Waiting {
  resolve(result: IteratorResult<string, undefined>): void;
  reject(error: unknown): void;
}

/** A call of which each test says what comes when. */
function scene() {
  const told: string[] = [];
  const waiting: Waiting[] = [];
  const call: OpenCall<string> = {
    messages: {
      next: () => new Promise((resolve, reject) => void waiting.push({ resolve, reject })),
    },
    answered: () => void told.push('answered'),
    cancel: () => void told.push('cancel'),
    errorOf: (error) => {
      told.push('errorOf');
      return `as it is seen: ${String(error)}`;
    },
  };
  const messages = new Messages(() => {
    told.push('open');
    return call;
  });
  return { told, waiting, messages };
}

describe('messages', () => {
  it('that come when nobody wants them any more are not given', async () => {
    const { told, waiting, messages } = scene();
    const next = messages.next();
    await messages.return();
    waiting[0]!.resolve({ done: false, value: 'late' });
    expect(await next).toEqual(DONE);
    expect(told).not.toContain('answered');
  });

  it('that end when nobody wants them any more were not answered', async () => {
    const { told, waiting, messages } = scene();
    const next = messages.next();
    await messages.return();
    waiting[0]!.resolve({ done: true, value: undefined });
    expect(await next).toEqual(DONE);
    expect(told).not.toContain('answered');
  });

  it('that fail when nobody wants them any more have not failed', async () => {
    const { told, waiting, messages } = scene();
    const next = messages.next();
    await messages.return();
    waiting[0]!.reject(new Error('late'));
    expect(await next).toEqual(DONE);
    expect(told).not.toContain('errorOf');
  });

  it('that end are answered, before the call is left', async () => {
    const { told, waiting, messages } = scene();
    const next = messages.next();
    waiting[0]!.resolve({ done: true, value: undefined });
    expect(await next).toEqual(DONE);
    expect(await messages.next()).toEqual(DONE);
    expect(told).toEqual(['open', 'answered', 'cancel']);
  });

  it('that fail say so before the call is left: that alone would be a cancellation', async () => {
    const { told, waiting, messages } = scene();
    const next = messages.next();
    waiting[0]!.reject('gone');
    await expect(next).rejects.toBe('as it is seen: gone');
    expect(await messages.next()).toEqual(DONE);
    expect(told).toEqual(['open', 'errorOf', 'cancel']);
  });

  it('of a call that is left before it begins never come', async () => {
    const { told, messages } = scene();
    await messages.return();
    expect(await messages.next()).toEqual(DONE);
    expect(told).toEqual([]);
  });
});
