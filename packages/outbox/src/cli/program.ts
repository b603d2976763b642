import { CliError, EXIT, type Program, versionOf } from '@acme/nest-message-context/cli';
import { judgeTables } from '../doctor/tables.js';
import { isOutboxError, type OutboxConfigurationError } from '../outbox.errors.js';
import { COMMANDS } from './commands/index.js';
import { OPTIONS, type Values } from './options.js';
import { openStore, type OpenStore } from './stores/open-store.js';

export const PROGRAM: Program<Values, OpenStore> = {
  name: 'nest-outbox',
  about: 'Looks after the messages of @acme/nest-outbox.',
  nothing: 'no such message, a store that is not ready, or doctor has found something',
  options: OPTIONS,
  commands: COMMANDS,

  version: () => versionOf(import.meta.url),

  open: openStore,

  async assertReady({ store }) {
    const version = await store.operations.version?.();
    const [error] = version
      ? judgeTables(version).filter(({ severity }) => severity === 'error')
      : [];
    if (error) throw new CliError(EXIT.nothing, 'NOT_READY', `${error.message} ${error.remedy}`);
  },

  explain(error) {
    if (!isOutboxError(error, 'OUTBOX_CONFIGURATION')) return undefined;
    const { code, problems } = error as OutboxConfigurationError;
    return { exit: EXIT.usage, code, message: problems.join('\n') };
  },
};
