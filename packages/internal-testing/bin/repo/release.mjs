import { join } from 'node:path';
import { pnpm, withPnpm } from './install.mjs';
import { run, top } from './shell.mjs';

const changeset = join(top, 'node_modules/.bin/changeset');

/** Turns the pending changesets into versions and changelogs. */
export async function raiseVersions() {
  await run(changeset, ['version']);
  await pnpm(['install', '--lockfile-only']);
}

/** Publishes every package whose version the registry does not have, and tags it. Says where it was built. */
export const publish = () =>
  run(changeset, ['publish'], {
    env: { ...withPnpm(), NPM_CONFIG_PROVENANCE: 'true', PNPM_CONFIG_PROVENANCE: 'true' },
  });
