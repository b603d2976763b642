import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { top } from '../../bin/repo/shell.mjs';

interface Case {
  /** What the rule is there for. */
  readonly why: string;
  readonly file: string;
  readonly code: string;
  /** A part of the complaint; none when the code is fine. */
  readonly complaint?: string;
}

const lines = (count: number) =>
  Array.from({ length: count }, (_, i) => `export const v${i} = ${i};`);

const cases: Case[] = [
  // Who may import whom.
  ...(
    [
      ['message-context', '@acme/nest-transaction', 'may import none of our packages'],
      ['transaction', '@acme/nest-message-context', 'may import none of our packages'],
      ['idempotency', '@acme/nest-outbox', 'may import message-context and transaction'],
      ['outbox', '@acme/nest-idempotency', 'may import message-context and transaction'],
      ['rabbitmq', '@acme/nest-transaction', 'may import message-context'],
      ['grpc-errors', '@acme/nest-event-versioning', 'may import message-context'],
      ['event-versioning', '@acme/nest-rabbitmq', 'may import message-context'],
      ['outbox', '@acme/internal-testing', 'may import message-context and transaction'],
      ['outbox', '@acme/nest-outbox', 'may import message-context and transaction'],
      ['a-new-package', '@acme/nest-outbox', 'what "a-new-package" may import'],
    ] as const
  ).map(([name, imported, complaint]) => ({
    why: `${name} imports ${imported}`,
    file: `packages/${name}/src/imports-${imported.slice(6)}.ts`,
    code: `export * from '${imported}';`,
    complaint,
  })),
  {
    why: 'the upper packages import the lower ones',
    file: 'packages/outbox/src/allowed.ts',
    code: `export * from '@acme/nest-message-context';\nexport * from '@acme/nest-transaction';`,
  },
  {
    why: 'a type is an import too',
    file: 'packages/rabbitmq/src/type-import.ts',
    code: `export type Sink = import('@acme/nest-outbox').Outbox;`,
    complaint: 'may import message-context',
  },
  {
    why: 'a dynamic import is an import too',
    file: 'packages/rabbitmq/src/dynamic-import.ts',
    code: `export const load = () => import('@acme/nest-outbox');`,
    complaint: 'may import message-context',
  },
  {
    why: 'a relative path reaches into another package',
    file: 'packages/outbox/src/reaches-out.ts',
    code: `export * from '../../transaction/src/index.js';`,
    complaint: 'leaves the package',
  },
  // Layers inside a package.
  {
    why: 'core imports Nest',
    file: 'packages/outbox/src/core/relay.ts',
    code: `import { Logger } from '@nestjs/common';\nexport const logger = new Logger();`,
    complaint: 'core knows nothing of Nest',
  },
  {
    why: 'core imports a type of Nest',
    file: 'packages/outbox/src/core/lane.ts',
    code: `import type { Type } from '@nestjs/common';\nexport type T = Type;`,
    complaint: 'core knows nothing of Nest',
  },
  {
    why: 'core imports the module above it',
    file: 'packages/outbox/src/core/upward.ts',
    code: `export * from '../outbox.module.js';`,
    complaint: 'core is below the Nest edges',
  },
  {
    why: 'an edge imports Nest and core',
    file: 'packages/outbox/src/outbox.module.ts',
    code: `export { Logger } from '@nestjs/common';\nexport * from './core/fine.js';`,
  },
  {
    why: 'src imports its own test kit',
    file: 'packages/outbox/src/uses-kit.ts',
    code: `export * from './testing/kit.js';`,
    complaint: 'does not use its own test kit',
  },
  {
    why: "src imports another package's test kit",
    file: 'packages/outbox/src/uses-other-kit.ts',
    code: `export * from '@acme/nest-transaction/testing';`,
    complaint: 'a test kit is for test kits',
  },
  {
    why: 'a test kit imports src and test kits',
    file: 'packages/outbox/src/testing/kit.ts',
    code: `export * from '../core/fine.js';\nexport * from '@acme/nest-transaction/testing';`,
  },
  // Nest.
  {
    why: 'Nest is imported from inside a package',
    file: 'packages/outbox/src/deep.ts',
    code: `export type { Type } from '@nestjs/common/interfaces';`,
    complaint: 'package roots',
  },
  {
    why: 'a constructor parameter relies on emitted types',
    file: 'packages/outbox/src/implicit.ts',
    code: `import { Injectable } from '@nestjs/common';\nclass Clock {}\n@Injectable()\nexport class Relay { constructor(readonly clock: Clock) {} }`,
    complaint: 'say what Nest injects here',
  },
  {
    why: 'a constructor parameter says its token',
    file: 'packages/outbox/src/explicit.ts',
    code: `import { Inject, Injectable } from '@nestjs/common';\nclass Clock {}\n@Injectable()\nexport class Relay { constructor(@Inject(Clock) readonly clock: Clock) {} }`,
  },
  // The style that is left to no reader's mood.
  {
    why: 'any',
    file: 'packages/outbox/src/any.ts',
    code: 'export const x = {} as any;',
    complaint: 'any',
  },
  {
    why: 'a promise nobody waits for',
    file: 'packages/outbox/src/floating.ts',
    code: 'async function work(): Promise<void> {}\nexport function start(): void { work(); }',
    complaint: 'Promises must be awaited',
  },
  {
    why: 'the console',
    file: 'packages/outbox/src/says.ts',
    code: `console.log('x');`,
    complaint: 'console',
  },
  {
    why: 'ending the process',
    file: 'packages/outbox/src/exits.ts',
    code: 'process.exit(1);',
    complaint: 'process.exit',
  },
  {
    why: 'a long file',
    file: 'packages/outbox/src/long.ts',
    code: lines(351).join('\n'),
    complaint: 'too many lines',
  },
  {
    why: 'a long function',
    file: 'packages/outbox/src/long-function.ts',
    code: `export function long(): number[] {\n${'  Math.random();\n'.repeat(60)}  return [];\n}`,
    complaint: 'has too many lines',
  },
  {
    why: 'a focused test',
    file: 'packages/outbox/test/focused.spec.ts',
    code: `import { expect, it } from 'vitest';\nit.only('x', () => { expect(1 + 1).toBe(2); });`,
    complaint: 'focused',
  },
  {
    why: 'a skipped test',
    file: 'packages/outbox/test/skipped.spec.ts',
    code: `import { expect, it } from 'vitest';\nit.skip('x', () => { expect(1 + 1).toBe(2); });`,
    complaint: 'Disabled test',
  },
];

const folder = mkdtempSync(join(tmpdir(), 'acme-lint-'));
let complaints: { filename: string; message: string; help?: string }[];

beforeAll(() => {
  for (const { file, code } of cases) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), `${code}\n`);
  }
  const config = join(top, '.oxlintrc.json');
  const { stdout } = spawnSync(
    join(top, 'node_modules/.bin/oxlint'),
    ['--type-aware', '--config', config, '--format', 'json', folder],
    { cwd: top, encoding: 'utf8' },
  );
  complaints = (JSON.parse(stdout) as { diagnostics: typeof complaints }).diagnostics;
}, 30_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('lint', () => {
  const about = (file: string) =>
    complaints
      .filter(({ filename }) => filename.endsWith(file))
      .map(({ message, help = '' }) => `${message} ${help}`);

  it.each(cases.filter(({ complaint }) => complaint))('refuses $why', ({ file, complaint }) => {
    expect(about(file).join('\n')).toContain(complaint);
  });

  it.each(cases.filter(({ complaint }) => !complaint))('accepts: $why', ({ file }) => {
    expect(about(file)).toEqual([]);
  });
});
