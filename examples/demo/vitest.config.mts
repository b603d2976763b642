import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Runs of the whole shop one after the other: they would take the processor from each other.
  test: { include: ['test/**/*.spec.ts'], testTimeout: 120_000, fileParallelism: false },
});
