import { usageError } from '@acme/nest-message-context/cli';
import { OutboxAdmin } from '../../admin/outbox-admin.js';
import type { Command } from '../command.js';
import { moved, NO_SUCH } from '../moved.js';
import { isFiltered, PARKED_HELP, PARKED_OPTIONS, parkedFilter } from '../parked-filter.js';

export const discard: Command = {
  summary: 'Throws parked messages away, for good',
  details: `${PARKED_HELP}
It asks nothing, so without any of them it wants --all. What waits behind a message goes on.`,
  options: ['url', 'config', 'schema', ...PARKED_OPTIONS, 'all'],

  async run({ values, ready, doing }) {
    if (isFiltered(values) === (values.all === true))
      throw usageError(
        'Say which messages are thrown away: by --type, --key, --reason or --id, or --all of them.',
      );
    const { store } = await ready();
    doing('discarding');
    const discarded = await new OutboxAdmin(store.operations).discard(parkedFilter(values), {
      onProgress: (gone) => doing(`discarding, ${gone} so far`),
    });
    return moved('discarded', discarded, NO_SUCH);
  },
};
