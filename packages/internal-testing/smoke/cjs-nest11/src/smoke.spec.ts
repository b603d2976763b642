import 'reflect-metadata';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { entryPoints } from './entry-points';

test.each(Object.keys(entryPoints))('%s can be required', (specifier) => {
  expect(entryPoints[specifier]).toBeDefined();
});

test.each(readdirSync(join(__dirname, 'snippets')))('%s runs', async (file) => {
  const { smoke } = require(`./snippets/${file}`) as { smoke(): Promise<void> };
  await smoke();
});
