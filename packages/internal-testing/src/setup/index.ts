import { afterAll } from 'vitest';
import { closeFixtures } from '../fixtures/cleanup.js';

// Registered before the spec's own hooks, so it runs after all of them.
afterAll(closeFixtures);
