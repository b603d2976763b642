import { expect, it, vi } from 'vitest';
import { OutboxAdmin } from '../src/admin/outbox-admin.js';
import type { OutboxOperations } from '../src/contracts/outbox-store.js';

it.each(['redrive', 'discard'] as const)(
  'what %s() has moved before it fails, the relay and the listeners hear of',
  async (action) => {
    let calls = 0;
    const piece = (): number => {
      calls += 1;
      if (calls === 2) throw new Error('the connection was lost');
      return 500;
    };
    const operations: Partial<OutboxOperations> = {
      redrive: async () => ({ count: piece(), lastSeq: 500 }),
      discard: async () => piece(),
    };
    const wake = vi.fn<() => void>();
    const tell = vi.fn<(what: string, count: number) => void>();
    const admin = new OutboxAdmin(operations as OutboxOperations, wake, undefined, tell);
    await expect(admin[action]({})).rejects.toThrow('the connection was lost');
    expect(wake).toHaveBeenCalledTimes(1);
    expect(tell.mock.calls).toEqual([[action === 'redrive' ? 'redriven' : 'discarded', 500]]);
  },
);
