import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { builtCli } from '@acme/internal-testing';

/** The built package, also where this file is a copy in another project. */
const MANIFEST = createRequire(import.meta.url).resolve('@acme/nest-idempotency/package.json');
const HERE = fileURLToPath(new URL('.', import.meta.url));

export const { version, cli, cliJson, cliInterrupted } = builtCli(MANIFEST, HERE);
