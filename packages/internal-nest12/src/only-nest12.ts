import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll } from 'vitest';

const NEST =
  /^(.*[\\/]node_modules[\\/]@nestjs[\\/](?:common|core|microservices|platform-\w+|testing))[\\/]/;

/**
 * Nest 11 is CommonJS, so whatever loaded a piece of it left that piece in this cache; Nest 12 is ESM and never shows
 * up. Without this check a package bound to the wrong Nest can pass its whole suite, on Nest 11.
 */
export function nest11Loaded(): string[] {
  const roots = Object.keys(createRequire(import.meta.url).cache).map(
    (file) => NEST.exec(file)?.[1],
  );
  return [...new Set(roots)].filter(
    (root): root is string => root !== undefined && versionOf(root).startsWith('11.'),
  );
}

function versionOf(root: string): string {
  const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { version: string };
  return manifest.version;
}

afterAll(() => {
  const found = nest11Loaded();
  if (found.length > 0) {
    throw new Error(`This spec loaded Nest 11 in the Nest 12 lane: ${found.join(', ')}`);
  }
});
