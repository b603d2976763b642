import type { Task } from './task.js';

/** So many alike, `title-0` and so on. */
export const tasks = (title: string, count: number, rest: Partial<Task> = {}): Task[] =>
  Array.from({ length: count }, (_, index) => ({ ...rest, id: `${title}-${index}` }));
