import { randomUUID } from 'node:crypto';
import type { Runtime } from '../core/runtime.js';

/** The clock and the chance of this process. */
export const nodeRuntime: Runtime = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  every: (ms, run) => {
    const timer = setInterval(run, ms).unref();
    return () => clearInterval(timer);
  },
  random: Math.random,
  token: () => randomUUID(),
};
