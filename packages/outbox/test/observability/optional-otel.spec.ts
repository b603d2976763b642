import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { layOutAlone, spawnChild } from '@acme/internal-testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

const NEEDED = [
  '@acme/nest-message-context',
  '@acme/nest-transaction',
  '@nestjs/common',
  '@nestjs/core',
  'reflect-metadata',
  'rxjs',
];
const API = '@opentelemetry/api';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'acme-outbox-otel-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Says where the script is. */
function install(name: string, dependencies: readonly string[]): URL {
  const root = join(folder, name);
  layOutAlone({ root, name: '@acme/nest-outbox', knownTo: import.meta.url, dependencies });
  cpSync(new URL('../support/installed.mjs', import.meta.url), join(root, 'installed.mjs'));
  return pathToFileURL(join(root, 'installed.mjs'));
}

// With the paths that a package manager adds for its scripts, nothing would be missing.
const start = (script: URL, format: string) =>
  spawnChild(script, { args: [format], env: { NODE_PATH: undefined } });

it.each([
  ['esm', 'ERR_MODULE_NOT_FOUND'],
  ['cjs', 'MODULE_NOT_FOUND'],
])('runs without a word where OpenTelemetry is not installed: %s', async (format, missing) => {
  const child = start(install(`without-${format}`, NEEDED), format);
  expect(await child.receive()).toEqual({
    stored: [null],
    events: ['added'],
    spans: [],
    missing,
    lines: [],
  });
});

it.each(['esm', 'cjs'])('finds OpenTelemetry where it is installed: %s', async (format) => {
  const child = start(install(`with-${format}`, [...NEEDED, API]), format);
  expect(await child.receive()).toEqual({
    stored: [JSON.stringify({ traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` })],
    events: ['added'],
    spans: ['create'],
    lines: [],
  });
});
