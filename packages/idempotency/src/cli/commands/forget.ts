import type { Command } from '../command.js';
import { RECORD_HELP, RECORD_OPTIONS } from '../record-id.js';
import { removal } from '../removal.js';

export const forget: Command = {
  summary: 'Removes a record, so that the next call with its key runs again',
  details: `${RECORD_HELP}

For an effect that was undone by hand. It asks nothing. A call that is under way is left alone:
wait for its end, or release it.`,
  options: ['url', 'config', 'schema', 'table', 'prefix', ...RECORD_OPTIONS],

  run: (desk) =>
    removal(desk, {
      states: ['done', 'free'],
      removed: 'Forgotten: the next call with this key runs.',
      left: {
        running:
          'Nothing was removed: the call is under way. Wait for its end; if its process is dead, take the key from it with "nest-idempotency release".',
      },
    }),
};
