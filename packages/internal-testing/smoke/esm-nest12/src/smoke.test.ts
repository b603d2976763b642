import 'reflect-metadata';
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { entryPoints } from './entry-points.js';

const require = createRequire(import.meta.url);

for (const [specifier, imported] of Object.entries(entryPoints)) {
  // A second copy through `require` would be a second class, and dependency injection by class would not find it.
  void test(`${specifier} is one module for import and require`, () => {
    assert.deepEqual({ ...(require(specifier) as object) }, { ...imported });
  });
}

const snippets = new URL('./snippets/', import.meta.url);
for (const file of readdirSync(snippets).filter((name) => name.endsWith('.js'))) {
  void test(`${file} runs`, async () => {
    const { smoke } = (await import(new URL(file, snippets).href)) as { smoke(): Promise<void> };
    await smoke();
  });
}
