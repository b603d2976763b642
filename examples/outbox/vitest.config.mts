import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Services are started as processes of their own; a busy machine takes its time.
  test: { include: ['test/**/*.spec.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
});
