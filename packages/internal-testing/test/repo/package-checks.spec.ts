import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { declarationProblems } from '../../bin/repo/packages/declarations.mjs';
import { exportProblems } from '../../bin/repo/packages/exported-names.mjs';
import { importProblems } from '../../bin/repo/packages/imports.mjs';
import { manifestProblems } from '../../bin/repo/packages/manifest.mjs';

const folders: string[] = [];

function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'acme-package-'));
  folders.push(folder);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('what a package imports', () => {
  const packed = {
    name: '@acme/nest-sample',
    dependencies: { '@acme/nest-message-context': '^0.1.0' },
    peerDependencies: { '@nestjs/common': '^11', '@golevelup/nestjs-rabbitmq': '^9' },
    peerDependenciesMeta: { '@golevelup/nestjs-rabbitmq': { optional: true } },
  };
  /** In a file that the main entry imports. */
  const problemsOf = (file: string, text: string) => {
    const index = dirname(file) + (file.endsWith('.d.ts') ? '/index.d.ts' : '/index.js');
    const files = { [`dist/${index}`]: `export * from './a.js';`, [`dist/${file}`]: text };
    return importProblems({ unpacked: folderWith(files), packed });
  };

  it.each([
    ['esm/a.js', `import { Injectable } from '@nestjs/common';`],
    ['esm/a.js', `import { readFile } from 'node:fs/promises'; export * from './b.js';`],
    ['esm/a.js', `export * from '@acme/nest-message-context/testing';`],
    ['esm/a.js', `const load = () => import('@golevelup/nestjs-rabbitmq');`],
    [
      'cjs/a.js',
      `Promise.resolve().then(() => __importStar(require('@golevelup/nestjs-rabbitmq')));`,
    ],
    ['esm/a.d.ts', `/// <reference types="node" />\nimport type { Type } from '@nestjs/common';`],
    ['esm/a.d.ts', `/** import('typeorm') is what you do */ export {};`],
  ])('may be, in %s: %s', (file, text) => {
    expect(problemsOf(file, text)).toEqual([]);
  });

  it.each([
    ['esm/a.js', `import { Nack } from '@golevelup/nestjs-rabbitmq';`, 'is an optional peer'],
    ['cjs/a.js', `const { Nack } = require('@golevelup/nestjs-rabbitmq');`, 'is an optional peer'],
    [
      'esm/a.d.ts',
      `import type { Nack } from '@golevelup/nestjs-rabbitmq';`,
      'is an optional peer',
    ],
    [
      'esm/a.d.ts',
      `export type N = import('@golevelup/nestjs-rabbitmq').Nack;`,
      'is an optional peer',
    ],
    ['esm/a.js', `import pg from 'pg';`, 'neither a dependency nor a peer'],
    ['esm/a.js', `const load = () => import('typeorm/browser');`, 'typeorm, which is neither'],
    ['esm/a.d.ts', `export * from '@acme/internal-testing';`, 'neither a dependency nor a peer'],
  ])('may not be, in %s: %s', (file, text, problem) => {
    expect(problemsOf(file, text)).toEqual([expect.stringContaining(problem)]);
  });

  it('may be an optional peer where only a sub-path leads to it, and nothing else may', () => {
    const files = {
      'dist/esm/index.js': `export * from './core.js';`,
      'dist/esm/core.js': '',
      'dist/esm/nest/index.js': `export * from './server.js'; import pg from 'pg';`,
      'dist/esm/nest/server.js': `import { Nack } from '@golevelup/nestjs-rabbitmq';`,
    };
    expect(importProblems({ unpacked: folderWith(files), packed })).toEqual([
      expect.stringContaining('nest/index.js imports pg, which is neither'),
    ]);
  });
});

describe('the declarations that users get', () => {
  const problemsOf = (declarations: string) =>
    declarationProblems(
      folderWith({
        'tsconfig.json': `{
          "compilerOptions": {
            "module": "node16", "target": "es2022", "strict": true, "skipLibCheck": true, "types": ["node"]
          }
        }`,
        'src/entry-points.ts': `export * from '@acme/nest-sample'; export * from 'other';`,
        'node_modules/@acme/nest-sample/index.d.ts': declarations,
        'node_modules/@types/node/index.d.ts': 'interface Buffer { length: number }',
        'node_modules/other/index.d.ts': 'export declare const other: Missing;',
      }),
    );

  it('are judged, and those of others are not', () => {
    expect(problemsOf('export declare const ours: Buffer;')).toEqual([]);
  });

  it.each([
    ['a name that nobody declares', 'export declare const ours: Missing;', 'TS2304'],
    ['a package that is not there', `export type { Nack } from 'golevelup';`, 'TS2307'],
    ['what only a browser has', 'export declare const ours: HTMLElement;', 'TS2304'],
    ['no TypeScript', 'export declare const ;', 'TS1'],
    [
      'members that an optional one of a base cannot have',
      'interface A { a?: 1 }\nexport interface B extends A { a?: 1 | undefined }',
      'TS2430',
    ],
  ])('may not contain %s', (_, declarations, problem) => {
    const [first] = problemsOf(declarations);
    expect(first).toMatch(/^node_modules\/@acme\/nest-sample\/index\.d\.ts:\d/);
    expect(first).toContain(problem);
  });

  it('must be there', () => {
    const folder = folderWith({ 'tsconfig.json': '{}', 'src/entry-points.ts': '' });
    expect(declarationProblems(folder)).toEqual([expect.stringContaining('not installed')]);
  });
});

describe('the manifest that users get', () => {
  const conditions = { 'module-sync': {}, import: {}, require: {} };
  const good = { dependencies: {}, peerDependencies: {}, exports: { '.': conditions } };
  const both = { LICENSE: '', 'README.md': '' };
  const problemsOf = (packed: object, files: Record<string, string> = both) =>
    manifestProblems({
      packed: { ...good, ...packed },
      unpacked: folderWith(files),
      manifest: { sideEffects: false },
    });

  it('may be as all of ours are', () => {
    expect(problemsOf({ dependencies: { '@acme/nest-transaction': '^0.1.0' } })).toEqual([]);
  });

  it.each([
    [
      'a range that only the workspace knows',
      { peerDependencies: { rxjs: 'catalog:' } },
      'means nothing',
    ],
    ['a runtime dependency of others', { dependencies: { lodash: '^4.0.0' } }, 'depends on lodash'],
    [
      'conditions in an order that loads two copies',
      { exports: { '.': { import: {}, require: {} } } },
      'module-sync, import, require',
    ],
  ])('may not have %s', (_, packed, problem) => {
    expect(problemsOf(packed)).toEqual([expect.stringContaining(problem)]);
  });

  it('comes with a licence and a readme', () => {
    expect(problemsOf({}, {})).toEqual([
      'the tarball has no LICENSE',
      'the tarball has no README.md',
    ]);
  });
});

describe('what a package exports', () => {
  const conditions = Object.fromEntries(
    (['import', 'require'] as const).map((condition) => {
      const folder = condition === 'import' ? 'dist/esm' : 'dist/cjs';
      return [condition, { types: `${folder}/index.d.ts`, default: `${folder}/index.js` }];
    }),
  );
  const good = {
    'package.json': '{ "type": "module" }',
    'dist/cjs/package.json': '{ "type": "commonjs" }',
    'dist/esm/index.js': 'export class Relay {}',
    'dist/cjs/index.js': 'exports.Relay = class Relay {};',
    'dist/esm/index.d.ts': '/** Publishes. */\nexport declare class Relay {}',
    'test/relay.spec.ts': 'new Relay()',
  };
  const problemsOf = (files: Record<string, string>) =>
    exportProblems({
      path: folderWith({ ...good, ...files }),
      packed: { exports: { '.': conditions } },
    });

  it('is the same in both formats and the types, documented and tested', async () => {
    expect(await problemsOf({})).toEqual([]);
  });

  it('may be the type of a class without the class', async () => {
    const problems = await problemsOf({
      'dist/esm/lane.d.ts': '/** A slice. */\nexport declare class Lane {}',
      'dist/esm/index.d.ts': `export type { Lane } from './lane.js';\n${good['dist/esm/index.d.ts']}`,
    });
    expect(problems).toEqual([]);
  });

  it.each([
    ['missing in CommonJS: Relay', { 'dist/cjs/index.js': '' }],
    ['missing in ESM: Lane', { 'dist/cjs/index.js': 'exports.Relay = 1; exports.Lane = 1;' }],
    ['without a docstring: Relay', { 'dist/esm/index.d.ts': 'export declare class Relay {}' }],
    ['in no spec: Relay', { 'test/relay.spec.ts': 'new RelayStation()' }],
    ['cannot be loaded', { 'dist/cjs/index.js': `require('./gone.js');` }],
  ])('%s', async (problem, files) => {
    expect((await problemsOf(files as Record<string, string>)).join()).toContain(problem);
  });

  it('is not less or more than the types say', async () => {
    const problems = await problemsOf({
      'dist/esm/index.d.ts': '/** A slice. */\nexport declare const Lane: number;',
    });
    expect(problems).toEqual([
      'exports["."]: not in the types: Relay',
      'exports["."]: in the types only: Lane',
    ]);
  });
});
