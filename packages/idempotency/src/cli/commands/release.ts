import type { Command } from '../command.js';
import { RECORD_HELP, RECORD_OPTIONS } from '../record-id.js';
import { removal } from '../removal.js';

export const release: Command = {
  summary: 'Takes a key from the call that holds its lease, so that the next one runs at once',
  details: `${RECORD_HELP}

For a process that is known to be dead, when nobody wants to wait for its lease to run out. It asks
nothing. If the process lives, it is told with its next renewal, and the effect may happen twice. In
transaction mode there is no lease: the claim of a dead process ends with its connection.`,
  options: ['url', 'config', 'schema', 'table', 'prefix', ...RECORD_OPTIONS],

  run: (desk) =>
    removal(desk, {
      states: ['running'],
      removed: 'Released: the next call with this key runs.',
      left: {
        done: 'Nothing was removed: the call is done. To let it run again, "nest-idempotency forget" its record.',
        free: 'Nothing was removed: nobody runs it, and the next call with this key runs anyway.',
      },
    }),
};
