import { CliError, EXIT, type Program, versionOf } from '@acme/nest-message-context/cli';
import { explainOwn } from './cli.errors.js';
import { COMMANDS } from './commands/index.js';
import { OPTIONS, type Values } from './options.js';
import { openStore, type OpenStore } from './stores/open-store.js';

export const PROGRAM: Program<Values, OpenStore> = {
  name: 'nest-idempotency',
  about: 'Looks after the records of @acme/nest-idempotency.',
  nothing: 'no such record, nothing removed, or a store that is not ready',
  options: OPTIONS,
  commands: COMMANDS,
  version: () => versionOf(import.meta.url),
  open: openStore,

  async assertReady({ store }) {
    const findings = await store.check();
    const errors = findings.filter(({ severity }) => severity === 'error');
    if (errors.length === 0) return;
    throw new CliError(EXIT.nothing, 'NOT_READY', errors.map(({ text }) => text).join('\n'));
  },

  explain: explainOwn,
};
