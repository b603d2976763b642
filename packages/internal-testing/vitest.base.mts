import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { maxWorkers } from './vitest.workers.mts';

/**
 * One Vitest configuration for every package. A spec imports the package under test by its published name; here that
 * name means its sources, in the Nest 12 lane (`packages/internal-nest12`) the very same spec gets the built package.
 */
const root = process.cwd();
const manifest = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as {
  name: string;
  exports?: Record<string, unknown>;
};

const self = Object.keys(manifest.exports ?? {})
  .filter((key) => key.startsWith('.') && !key.endsWith('.json'))
  .map((key) => ({
    find: new RegExp(`^${manifest.name}${key.slice(1)}$`),
    replacement: resolve(root, 'src', key === '.' ? 'index.ts' : `${key.slice(2)}/index.ts`),
  }))
  .filter(({ replacement }) => existsSync(replacement));

const common = {
  root,
  globals: false,
  environment: 'node' as const,
  pool: 'forks' as const,
  passWithNoTests: true,
  setupFiles: [fileURLToPath(new URL('./dist/setup/index.js', import.meta.url))],
};

export default defineConfig({
  resolve: { alias: self },
  test: {
    ...common,
    maxWorkers,
    projects: [
      {
        extends: true,
        test: {
          ...common,
          name: 'unit',
          include: ['test/**/*.spec.ts'],
          exclude: ['test/**/*.int.spec.ts'],
          // For what hangs: compilers and child processes are slow on a busy machine.
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          ...common,
          name: 'int',
          include: ['test/**/*.int.spec.ts'],
          // For what hangs. A private server may take a minute to start on a busy machine, and a test starts its own.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
