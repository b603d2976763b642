import { timeOf, usageError } from '@acme/nest-message-context/cli';
import { OutboxAdmin } from '../../admin/outbox-admin.js';
import type { PublishedFilter } from '../../contracts/messages.js';
import type { Command } from '../command.js';
import { moved } from '../moved.js';
import type { Values } from '../options.js';

export const replay: Command = {
  summary: 'Publishes kept messages again, in the order in which they were inserted',
  details: `Of --type, --key, --from and --to all must hold; without any of them it wants --all. A time is
2026-02-28T12:00:00Z, Unix milliseconds, or how long ago: 2h. Messages are kept where the service
has the option retention. They carry x-redrive-id and x-redrive-count, and consumers that know
their ids take them for duplicates, unless they get --new-ids.`,
  options: ['url', 'config', 'schema', 'type', 'key', 'from', 'to', 'new-ids', 'all'],

  async run({ values, ready, doing }) {
    const filter = publishedFilter(values);
    const { store } = await ready();
    // It learns which lanes there are.
    await store.prepare(undefined);
    doing('replaying');
    const replayed = await new OutboxAdmin(store.operations).replay(filter, {
      newIds: values['new-ids'] === true,
      onProgress: (added) => doing(`replaying, ${added} so far`),
    });
    return moved('replayed', replayed, {
      further: ' The relays publish them when they look next.',
      none: 'no such message is kept. Messages are kept where the service has the option retention.',
    });
  },
};

function publishedFilter({ type, key, all, ...times }: Values): PublishedFilter {
  const now = Date.now();
  const from = timeOf('from', times.from, now);
  const to = timeOf('to', times.to, now);
  const isFiltered = [type, key, from, to].some((value) => value !== undefined);
  if (isFiltered === (all === true))
    throw usageError(
      'Say which messages are published again: by --type, --key, --from or --to, or --all of them.',
    );
  if (from !== undefined && to !== undefined && from >= to)
    throw usageError('--from is not before --to, so nothing is between them.');
  return { type, key, from, to };
}
