import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, top } from '../shell.mjs';

/** What publint finds in the tarball, suggestions included. */
export async function publintProblems({ tarball }) {
  const { publint } = await import('publint');
  const { formatMessage } = await import('publint/utils');
  const bytes = readFileSync(tarball);
  const { messages, pkg } = await publint({
    strict: true,
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) },
  });
  return messages.map((message) => `publint: ${formatMessage(message, pkg)}`);
}

/** Whether the types resolve, and to the right module format, in every resolution mode of TypeScript. */
export async function attwProblems({ tarball }) {
  const attw = join(top, 'node_modules/.bin/attw');
  const args = [tarball, '--format', 'ascii', '--no-color', '--no-emoji', '--no-definitely-typed'];
  return run(attw, args, { output: 'quiet' }).then(
    () => [],
    () => ['attw: the types do not resolve in every mode (table above)'],
  );
}

/** What the manifest that users get must hold. */
export function manifestProblems({ packed, unpacked, manifest }) {
  const problems = [];
  const { dependencies = {}, peerDependencies = {}, optionalDependencies = {} } = packed;
  for (const [name, range] of Object.entries({
    ...dependencies,
    ...peerDependencies,
    ...optionalDependencies,
  })) {
    if (/^(workspace|catalog|file|link):/.test(range))
      problems.push(`"${name}": "${range}" means nothing to a user`);
  }
  const foreign = Object.keys({ ...dependencies, ...optionalDependencies }).filter(
    (name) => !name.startsWith('@acme/nest-'),
  );
  if (foreign.length > 0) {
    problems.push(
      `depends on ${foreign.join(', ')}: runtime dependencies are our own packages only`,
    );
  }
  for (const [entry, conditions] of entries(packed)) {
    const order = Object.keys(conditions).join(', ');
    if (order !== 'module-sync, import, require') {
      problems.push(
        `exports["${entry}"] has the conditions ${order}: only module-sync, import, require passes every consumer`,
      );
    }
  }
  for (const file of ['LICENSE', 'README.md']) {
    if (!existsSync(join(unpacked, file))) problems.push(`the tarball has no ${file}`);
  }
  if (manifest.sideEffects !== false) problems.push('"sideEffects": false is missing');
  return problems;
}

/** The entry points with code: `[['.', conditions], ['./testing', conditions]]`. */
export const entries = ({ exports }) =>
  Object.entries(exports ?? {}).filter(([key]) => !key.endsWith('.json'));
