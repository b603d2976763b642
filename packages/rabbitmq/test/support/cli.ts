import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { builtCli } from '@acme/internal-testing';

/** The built package, also where this file is a copy in another project. */
const MANIFEST = createRequire(import.meta.url).resolve('@acme/nest-rabbitmq/package.json');
const HERE = fileURLToPath(new URL('.', import.meta.url));

export const { version, cli, cliJson } = builtCli(MANIFEST, HERE);
/** To be spawned, and signalled. */
export const CLI = new URL('dist/esm/cli/main.js', `file://${MANIFEST}`);
