import 'reflect-metadata';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { nest11Loaded } from '../src/only-nest12.js';
import { here, suites } from '../src/suites.mjs';

const require = createRequire(import.meta.url);
const names = suites().map(({ packageName }) => packageName);
const copyOf = (name: string) => realpathSync(join(here, 'node_modules', name));

describe('the Nest 12 lane', () => {
  it.each(names)('has a copy of %s of its own, bound to Nest 12', (name) => {
    const copy = copyOf(name);
    expect(copy).toContain(`${sep}.pnpm${sep}`);
    const fromCopy = createRequire(join(copy, 'package.json'));
    for (const nest of ['@nestjs/common', '@nestjs/core']) {
      const { version } = fromCopy(`${nest}/package.json`) as { version: string };
      expect(version).toMatch(/^12\./);
    }
  });

  it.each(names)(
    'gets the build of %s, and Nest 12 with it, through import and require',
    async (name) => {
      const imported = import.meta.resolve(name);
      expect(imported).toContain(pathToFileURL(join(copyOf(name), 'dist')).href);
      expect(require.resolve(name)).toContain(join(copyOf(name), 'dist'));
      await import(name);
      require(name);
      expect(nest11Loaded()).toEqual([]);
    },
  );

  it('notices Nest 11 in the process', () => {
    const nest11 = createRequire(join(here, '../message-context/package.json'));
    nest11('@nestjs/common');
    const [found] = nest11Loaded();
    expect(found).toBe(dirname(nest11.resolve('@nestjs/common/package.json')));
    for (const file of Object.keys(require.cache)) {
      if (found && file.startsWith(found)) delete require.cache[file];
    }
    expect(nest11Loaded()).toEqual([]);
  });

  it('itself has every dependency of the specs, and no Nest but the twelfth', () => {
    const needed = suites().flatMap(({ manifest }) => Object.keys(manifest.devDependencies ?? {}));
    for (const name of needed) {
      const folder = join(here, 'node_modules', name);
      expect(existsSync(folder), name).toBe(true);
      if (!/^@nestjs\/(common|core|microservices|platform-.*|testing)$/.test(name)) continue;
      const manifest = readFileSync(join(folder, 'package.json'), 'utf8');
      expect(JSON.parse(manifest)).toMatchObject({ name, version: expect.stringMatching(/^12\./) });
    }
  });
});
