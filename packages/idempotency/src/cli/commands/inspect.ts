import { type Answer, EXIT, lines } from '@acme/nest-message-context/cli';
import type { StoredRecord } from '../../core/store.js';
import type { Command } from '../command.js';
import { RECORD_HELP, RECORD_OPTIONS, recordId } from '../record-id.js';

export const inspect: Command = {
  summary: 'Shows a record',
  details: `${RECORD_HELP}

What an open transaction has claimed is not seen before its commit. The reply is shown only with
--show-outcome, as it is stored.`,
  options: ['url', 'config', 'schema', 'table', 'prefix', ...RECORD_OPTIONS, 'show-outcome'],

  async run({ values, ready }) {
    // A mistake in them is told without a store.
    if (values.config === undefined) recordId(values, undefined);
    const { store, namespace } = await ready();
    const id = recordId(values, namespace);
    const record = await store.get(id);
    if (record) return shown(record, values['show-outcome'] === true);
    return {
      exit: EXIT.nothing,
      json: { found: false, id },
      text: `There is no record ${id}: the call never ran, or its record has expired, or its transaction has not ended; or namespace, name, principal, prefix or schema are not those that the service has.`,
    };
  },
};

function shown({ outcome, ...record }: StoredRecord, withOutcome: boolean): Answer {
  const { id, name, state, attempt, fence, fingerprint, createdAt, expiresAt, lockedUntil } =
    record;
  const outcomeLength = outcome === undefined ? null : outcome.length;
  const hidden = `${outcomeLength} characters, shown with --show-outcome`;
  return {
    exit: EXIT.done,
    json: {
      found: true,
      ...record,
      fingerprint: fingerprint ?? null,
      lockedUntil: lockedUntil ?? null,
      outcomeLength,
      ...(withOutcome ? { outcome: outcome ?? null } : {}),
    },
    text: lines({
      id,
      name,
      state,
      attempt,
      fence,
      created: createdAt.toISOString(),
      expires: expiresAt.toISOString(),
      'locked until': lockedUntil?.toISOString(),
      fingerprint: fingerprint ?? 'none',
      outcome: outcome === undefined ? 'none' : withOutcome ? outcome : hidden,
    }),
  };
}
