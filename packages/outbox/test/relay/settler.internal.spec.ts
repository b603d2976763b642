import { expect, it, vi } from 'vitest';
import type { OutboxStore } from '../../src/contracts/outbox-store.js';
import type { StoredMessage } from '../../src/contracts/messages.js';
import { MessageBook } from '../../src/core/message-book.js';
import { Blocks } from '../../src/relay/blocks.js';
import type { RelaySettings } from '../../src/relay/relay-settings.js';
import { Settler, type SettlerEvents } from '../../src/relay/settler.js';
import { stored, withoutTimeAndLog } from '../support/relay-parts.internal.js';

function settlerOn(methods: Partial<OutboxStore>) {
  const blocks = new Blocks(1_000);
  const book = new MessageBook<StoredMessage>(10);
  const events = { settled: () => {}, failed: () => {} } as unknown as SettlerEvents;
  const settings = { retry: { attempts: 1, initialMs: 1, maxMs: 1 } } as RelaySettings;
  const settler = new Settler(
    ...([methods as OutboxStore, book, blocks, () => [], settings, events] as const),
  );
  blocks.add('=k', 0);
  return { settler, blocks };
}

const late = stored(7, { key: 'k', block: '=k' });

withoutTimeAndLog();

it('a block that has nothing left is known no longer', async () => {
  const { settler, blocks } = settlerOn({ unblock: async (asked) => [...asked] });
  await settler.unblock(['=k']);
  expect(blocks.has('=k')).toBe(false);
});

it('one that the database does not free stays', async () => {
  const { settler, blocks } = settlerOn({ unblock: async () => [] });
  await settler.unblock(['=k']);
  expect(blocks.has('=k')).toBe(true);
});

it('so does one behind which a message was read meanwhile', async () => {
  const { settler, blocks } = settlerOn({
    unblock: async (asked) => {
      settler.divert(late);
      return [...asked];
    },
    divert: async () => {},
  });
  await settler.unblock(['=k']);
  expect(blocks.has('=k')).toBe(true);
});

it('and one behind which a message was on its way that has arrived meanwhile', async () => {
  let free!: (blocks: string[]) => void;
  let moved!: () => void;
  const { settler, blocks } = settlerOn({
    unblock: () => new Promise((done) => (free = done)),
    divert: () => new Promise((done) => (moved = done)),
  });
  settler.divert(late);
  await vi.advanceTimersByTimeAsync(50);
  const unblocking = settler.unblock(['=k']);
  moved();
  await vi.advanceTimersByTimeAsync(1);
  expect(settler.isIdle).toBe(true);
  free(['=k']);
  await unblocking;
  expect(blocks.has('=k')).toBe(true);
});
