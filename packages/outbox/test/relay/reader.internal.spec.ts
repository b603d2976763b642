import { expect, it, vi } from 'vitest';
import type { StoredMessage } from '../../src/contracts/messages.js';
import type { OutboxStore } from '../../src/contracts/outbox-store.js';
import { MessageBook } from '../../src/core/message-book.js';
import { Blocks } from '../../src/relay/blocks.js';
import type { LaneKeeper } from '../../src/relay/lane-keeper.js';
import { Reader } from '../../src/relay/reader.js';
import { stored } from '../support/relay-parts.internal.js';

function readerOn(methods: Partial<OutboxStore>) {
  const book = new MessageBook<StoredMessage>(10);
  const blocks = new Blocks(1_000);
  const lanes = { usable: () => [0] } as unknown as LaneKeeper;
  const reader = new Reader(methods as OutboxStore, lanes, book, blocks, () => false);
  return { reader, book, blocks };
}

it('what was read while something was dropped is worth nothing: a message may be missing before it', async () => {
  const { reader } = readerOn({
    readPending: async () => {
      reader.drop();
      return [stored(2)];
    },
    readWaiting: async () => {
      reader.drop(0);
      return { messages: [], empty: ['=k'] };
    },
  });
  expect(await reader.pending(10)).toBeUndefined();
  expect(await reader.due()).toBeUndefined();
});

it('nothing is read of a block that has a message in memory, waiting or on its way to those that wait', async () => {
  const readWaiting = vi.fn<OutboxStore['readWaiting']>(async () => ({ messages: [], empty: [] }));
  const { reader, book, blocks } = readerOn({ readWaiting });
  const of = (seq: number, key: string, place: 'pending' | 'waiting' = 'pending') =>
    book.add(stored(seq, { key, block: `=${key}`, place }));
  of(1, 'free');
  of(2, 'waits', 'waiting');
  of(3, 'moves');
  blocks.add('=moves', 0);
  blocks.add('=elsewhere', 0);
  await reader.due();
  expect(readWaiting.mock.calls[0]?.[1]).toEqual(['=waits', '=moves']);
});
