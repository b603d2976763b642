import { randomUUID } from 'node:crypto';
import type { Runtime } from '../core/runtime.js';

/** The clock and the chance of this process. */
export const nodeRuntime: Runtime = {
  now: () => performance.now(),
  sleep: (ms) => {
    let timer: NodeJS.Timeout | undefined;
    const done = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
    return { done, stop: () => clearTimeout(timer) };
  },
  every: (ms, run) => {
    const timer = setInterval(run, ms).unref();
    return () => clearInterval(timer);
  },
  random: Math.random,
  token: randomUUID,
};
