import { availableParallelism } from 'node:os';

/** Two at least, and not one, where there are two processors: most of the time a spec waits for a server or a deadline. */
export const maxWorkers = Math.max(2, availableParallelism() - 1);
