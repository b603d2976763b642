import { OutboxAdmin } from '../../admin/outbox-admin.js';
import type { Command } from '../command.js';
import { moved, NO_SUCH } from '../moved.js';
import { PARKED_HELP, PARKED_OPTIONS, parkedFilter } from '../parked-filter.js';

export const redrive: Command = {
  summary: 'Puts parked messages back, to be published next',
  details: `${PARKED_HELP}
Without any, all. They keep their ids and their places, before whatever of their keys still waits,
and have all attempts. The relays find them when they look next.`,
  options: ['url', 'config', 'schema', ...PARKED_OPTIONS],

  async run({ values, ready, doing }) {
    const { store } = await ready();
    doing('redriving');
    const redriven = await new OutboxAdmin(store.operations).redrive(parkedFilter(values), {
      onProgress: (soFar) => doing(`redriving, ${soFar} so far`),
    });
    return moved('redriven', redriven, NO_SUCH);
  },
};
