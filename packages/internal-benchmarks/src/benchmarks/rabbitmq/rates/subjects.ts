/** Every subject by name. Loaded in its own process only, so that none of them runs with the libraries of another. */
export const subjects = {
  'nest-bare': () => import('./subjects/nest-bare.js'),
  'nest-ours': () => import('./subjects/nest-ours.js'),
  'golevelup-bare': () => import('./subjects/golevelup-bare.js'),
  'golevelup-ours': () => import('./subjects/golevelup-ours.js'),
  'hop-raw': () => import('./subjects/hop-raw.js'),
  'hop-nest': () => import('./subjects/hop-nest.js'),
  'hop-golevelup': () => import('./subjects/hop-golevelup.js'),
  'lanes-nest': () => import('./subjects/lanes-nest.js'),
  'single-nest': () => import('./subjects/single-nest.js'),
  'lanes-golevelup': () => import('./subjects/lanes-golevelup.js'),
  'single-golevelup': () => import('./subjects/single-golevelup.js'),
  'publisher-raw': () => import('./subjects/publisher-raw.js'),
  'publisher-ours': () => import('./subjects/publisher-ours.js'),
};

export type SubjectName = keyof typeof subjects;
