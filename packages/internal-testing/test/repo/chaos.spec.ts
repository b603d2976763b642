import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { chaosSpecs } from '../../bin/repo/chaos.mjs';
import { top } from '../../bin/repo/shell.mjs';

/** What reads the variable, or is told by those who have read it. */
const LOOKS = /process\.env\['CHAOS'\]|\bFULL\b|\bOUTBOX_DATABASES_OF_BROKER_TESTS\b/;

it.each(['idempotency', 'outbox'])('the long form of every spec of %s is found', (name) => {
  const path = join(top, 'packages', name);
  const all = readdirSync(join(path, 'test'), { recursive: true, encoding: 'utf8' });
  const looking = all
    .filter((file) => file.endsWith('.spec.ts'))
    .filter((file) => LOOKS.test(readFileSync(join(path, 'test', file), 'utf8')))
    .map((file) => `test/${file}`)
    .sort();
  expect(looking.length).toBeGreaterThan(2);
  expect(chaosSpecs(path)).toEqual(looking);
});
