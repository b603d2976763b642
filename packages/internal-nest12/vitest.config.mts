import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { maxWorkers } from '../internal-testing/vitest.workers.mts';
import { here, mirrorSuites, representatives } from './src/suites.mjs';

// No aliases here: every `@acme/nest-…` is the built package, as a user's project resolves it.
const mirrored = mirrorSuites();
const chosen =
  process.env.NEST12_SUITES === 'representative' ? representatives(mirrored) : mirrored;

const setupFiles = [
  join(here, 'node_modules/@acme/internal-testing/dist/setup/index.js'),
  join(here, 'src/only-nest12.ts'),
];

const globalSetupOf = (target: string) => {
  const file = join(target, 'global-setup.ts');
  return existsSync(file) ? [file] : [];
};

export default defineConfig({
  root: here,
  test: {
    pool: 'forks',
    maxWorkers,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'lane',
          include: ['test/**/*.spec.ts'],
          setupFiles,
        },
      },
      ...chosen.map(({ name, target, specs }) => ({
        extends: true as const,
        test: {
          name,
          include: specs.map((spec) => `.suites/${name}/test/${spec}`),
          setupFiles,
          globalSetup: globalSetupOf(target),
        },
      })),
    ],
  },
});
