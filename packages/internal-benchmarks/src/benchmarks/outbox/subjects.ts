/** Every subject by name. Loaded in its own process only, so that none of them runs with the libraries of another. */
export const subjects = {
  raw: () => import('./subjects/raw.js'),
  ours: () => import('./subjects/ours.js'),
  'official-shape': () => import('./subjects/official-shape.js'),
  'pg-boss': () => import('./subjects/pg-boss.js'),
  'graphile-worker': () => import('./subjects/graphile-worker.js'),
  'pg-transactional-outbox': () => import('./subjects/pg-transactional-outbox.js'),
  fullstackhouse: () => import('./subjects/fullstackhouse.js'),
};

export type SubjectName = keyof typeof subjects;
