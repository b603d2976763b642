import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { builtCli } from '@acme/internal-testing';

/** The built package, also where this file is a copy in another project. */
const MANIFEST = createRequire(import.meta.url).resolve('@acme/nest-grpc-errors/package.json');
/** Where the applications of these tests are. */
const FOLDER = fileURLToPath(new URL('./catalogue', import.meta.url));

export const { version, cli, cliJson } = builtCli(MANIFEST, FOLDER);
