import { createRequire } from 'node:module';
import { CliError, EXIT, type Program } from '@acme/nest-message-context/cli';
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
  version() {
    // From dist/esm/cli: a package cannot name itself from below the package.json that says which format that is.
    const manifest = createRequire(import.meta.url)('../../../package.json') as {
      version: string;
    };
    return manifest.version;
  },
  open: openStore,

  async assertReady({ store }) {
    const findings = await store.check();
    const errors = findings.filter(({ severity }) => severity === 'error');
    if (errors.length === 0) return;
    throw new CliError(EXIT.nothing, 'NOT_READY', errors.map(({ text }) => text).join('\n'));
  },

  explain: explainOwn,
};
