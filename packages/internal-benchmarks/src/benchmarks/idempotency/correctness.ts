import type { Ground } from './ground.js';
import type { Run } from './report.js';

export async function correctness(_run: Run, _ground: Ground): Promise<void> {}
