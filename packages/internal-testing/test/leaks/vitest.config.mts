import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Only for leaks.spec.ts, which runs these files in a Vitest of their own: most of them fail.
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('.', import.meta.url)),
    include: ['*.fixture.ts'],
    pool: 'forks',
    setupFiles: [fileURLToPath(new URL('../../dist/setup/index.js', import.meta.url))],
  },
});
