import { afterAll } from 'vitest';
import { closeFixtures } from '../fixtures/cleanup.js';
import { TestingError } from '../testing.errors.js';
import { recordCreationSites } from './creation-sites.js';
import { leaksSince, snapshot } from './leaks.js';

// The setup file of every spec file: closes the fixtures, and then nothing may be open that was not open before.
const before = snapshot();
const creationSites = process.env['TRACE_LEAKS'] ? recordCreationSites() : undefined;

// Registered before the spec's own hooks, so it runs after all of them. No timeout: Vitest's timer would look like a leak.
afterAll(async () => {
  await closeFixtures();
  const leaks = await leaksSince(before);
  if (leaks.length === 0) return;
  throw new TestingError(
    'LEAK',
    [
      'This spec file left something open:',
      ...leaks.map((line) => `  - ${line}`),
      ...(creationSites?.() ?? ['Run it with TRACE_LEAKS=1 to see where that was created.']),
    ].join('\n'),
  );
}, 0);
