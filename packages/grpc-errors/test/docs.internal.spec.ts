import { readdirSync, readFileSync } from 'node:fs';
import { documentedDefaults, knownOptions, named, names, rowsUnder } from '@acme/internal-testing';
import * as api from '@acme/nest-grpc-errors';
import {
  errorCatalogue,
  GrpcClientsModule,
  GrpcCode,
  GrpcError,
  GrpcErrorsError,
  GrpcErrorsModule,
  grpcServiceConfig,
  type GrpcErrorCode,
} from '@acme/nest-grpc-errors';
import { describe, expect, it } from 'vitest';
import { Failures } from '../src/answer/failures.js';
import { COMMANDS } from '../src/cli/commands/index.js';
import { OPTIONS } from '../src/cli/options.js';
import { REMOTE_ERRORS } from '../src/client/remote-error.js';
import { codeNameOf } from '../src/core/codes.js';
import { isFinalCode } from '../src/core/final-codes.js';
import { codeOfHttpStatus, httpStatusOfCode } from '../src/core/http-codes.js';
import { nextAttemptIn } from '../src/core/retry-plan.js';
import { failureLevelOf } from '../src/core/log-level.js';
import { resolveOptions } from '../src/grpc-errors.options.js';
import { ErrorRules } from '../src/mapping/error-rules.js';
import { ROWS } from './support/stock-rows.js';

const page = (name: string): string =>
  readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
const PAGE = page('reference/grpc-errors-options.md');
/** All files of a folder. */
const sources = (folder: string): string[] => {
  const url = new URL(folder, import.meta.url);
  return readdirSync(url, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(new URL(name, url), 'utf8'));
};
const domain = 'docs.test';
const nope = { nope: 1 } as object;

/** Of the same call: what the client does, and what a consumer is told. */
function againWith(code: GrpcErrorCode): string {
  const settings = { attempts: 2, initialMs: 1, maxMs: 1 };
  const [now, deadline] = [0, Infinity];
  const failed = { attempt: 1, code, retryAfterMs: undefined, pushback: undefined, random: 0 };
  const isAsked = nextAttemptIn(settings, { ...failed, now, deadline }) !== undefined;
  return isAsked ? 'yes' : isFinalCode(code) ? 'no' : 'perhaps';
}

describe('docs/reference/grpc-errors-options.md', () => {
  it.each([
    ['## GrpcErrorsModule', '', nope],
    ['## unknown', 'unknown.', { unknown: nope }],
    ['## validation', 'validation.', { validation: nope }],
    ['## details', 'details.', { details: nope }],
    ['## message', 'message.', { message: nope }],
    ['## shields', 'shields.', { shields: nope }],
    ['## deadline', 'deadline.', { deadline: nope }],
  ])('has all options and no others: %s', (heading, prefix, options) => {
    const known = knownOptions(() => GrpcErrorsModule.forRoot({ domain, ...options }), prefix);
    expect(names(rowsUnder(PAGE, heading))).toEqual(known);
  });

  it('has all options of a rule and of a client, and no others', () => {
    expect(names(rowsUnder(PAGE, '## A rule'))).toEqual(
      knownOptions(() =>
        GrpcError({ code: 'NOT_FOUND', ...nope })(class SomeError extends Error {}),
      ),
    );
    expect(names(rowsUnder(PAGE, '## GrpcClientsModule'))).toEqual(
      knownOptions(
        () =>
          GrpcClientsModule.register([{ packages: 'a.v1', protoPath: 'a', url: 'a:1', ...nope }]),
        'a.v1: options.',
      ),
    );
    expect(names(rowsUnder(PAGE, '## retry'))).toEqual(
      knownOptions(
        () =>
          GrpcClientsModule.register([
            { packages: 'a.v1', protoPath: 'a', url: 'a:1', retry: nope },
          ]),
        'a.v1: retry.',
      ),
    );
  });

  it('has all options of a channel, and no others', () => {
    expect(names(rowsUnder(PAGE, '## grpcServiceConfig'))).toEqual(
      knownOptions(() => grpcServiceConfig(nope), 'options.'),
    );
  });

  it('has the defaults', () => {
    const { unknown, validation, wire, shields, deadline, http, debugInfo, relay } = resolveOptions(
      {
        domain,
      },
    );
    expect(documentedDefaults(PAGE, '## unknown')).toEqual({
      code: 'INTERNAL',
      message: unknown.message,
    });
    expect(unknown.code).toBe(GrpcCode.INTERNAL);
    expect(documentedDefaults(PAGE, '## validation')).toEqual(validation);
    expect(documentedDefaults(PAGE, '## details')).toEqual({
      maxBytes: wire.detailsBytes,
      debugInfo,
    });
    expect(documentedDefaults(PAGE, '## message')).toEqual({ maxBytes: wire.messageBytes });
    expect(documentedDefaults(PAGE, '## shields')).toEqual(shields);
    expect(documentedDefaults(PAGE, '## deadline')).toEqual({
      onExceed: deadline.onExceed,
      minRemaining: deadline.minRemainingMs,
    });
    expect(documentedDefaults(PAGE, '## GrpcErrorsModule')).toEqual({
      http,
      tracing: 'auto',
      relay,
    });
  });

  it('has all codes with what they are over HTTP and in the log', () => {
    const { OK: _, ...codes } = GrpcCode;
    const rows = rowsUnder(PAGE, '## Codes').map(([name, http, level, again]) => [
      named(name),
      Number(http),
      named(level),
      named(again),
    ]);
    expect(rows).toEqual(
      Object.entries(codes).map(([name, code]) => [
        name,
        httpStatusOfCode(code),
        failureLevelOf(code),
        againWith(code),
      ]),
    );
  });

  it('has all statuses of HTTP with their codes', () => {
    const codes = new Map(
      rowsUnder(PAGE, '## HTTP statuses').flatMap(([statuses, code]) =>
        named(statuses)
          .split(', ')
          .map((status): [string, string] => [status, named(code)]),
      ),
    );
    const said = (status: number) =>
      codes.get(String(status)) ?? codes.get(`other ${String(status)[0]}xx`);
    for (let status = 400; status < 600; status += 1)
      expect([status, said(status)]).toEqual([status, codeNameOf(codeOfHttpStatus(status))]);
  });
});

describe('docs/reference/grpc-errors-errors.md', () => {
  const ERRORS = page('reference/grpc-errors-errors.md');

  it('has all codes of what is thrown', () => {
    const thrown = (Object.values(api) as unknown[]).filter(
      (one): one is new (given: readonly never[]) => GrpcErrorsError =>
        typeof one === 'function' && one.prototype instanceof GrpcErrorsError,
    );
    expect(thrown.length).toBeGreaterThan(0);
    expect(names(rowsUnder(ERRORS, '## Thrown'))).toEqual(
      thrown.map((one) => new one([]).code).sort(),
    );
  });

  it('has all classes that calls fail with', () => {
    const rows = rowsUnder(ERRORS, '## What calls fail with').map(([name, code]) => [
      named(name),
      Number(code),
    ]);
    expect(rows).toEqual(
      Object.entries(REMOTE_ERRORS).map(([code, { name }]) => [name, Number(code)]),
    );
  });

  it('has all reasons that nobody has named, with their codes', () => {
    const said = sources('../src/').flatMap((text) =>
      [...text.matchAll(/(?:code|grpc): GrpcCode\.(\w+),\s+reason: ['`](\w+)(\$?)/g)].map(
        ([, code, reason, isOpen]) => `${reason}${isOpen && '…'} ${code}`,
      ),
    );
    const unknown = (['INTERNAL', 'UNKNOWN'] as const).map((code) => {
      const settings = resolveOptions({ domain, unknown: { code } }).unknown;
      const { failure } = new Failures(new ErrorRules(), [], settings, () => {}).of('nobody knows');
      return `${failure.reason} ${code}`;
    });
    expect(
      rowsUnder(ERRORS, '## Reasons')
        .map(([reason, code]) => `${named(reason)} ${named(code)}`)
        .sort(),
    ).toEqual([...new Set([...said, ...unknown])].sort());
  });
});

describe('docs/reference/grpc-errors-cli.md', () => {
  const CLI = page('reference/grpc-errors-cli.md');

  it('has all commands, and all options with the commands that have them', () => {
    const [commands, rows] = [rowsUnder(CLI, '# `nest-grpc-errors`'), rowsUnder(CLI, '## Options')];
    expect(names(commands)).toEqual(Object.keys(COMMANDS).sort());
    const all = Object.keys(OPTIONS).filter((name) => !['help', 'version'].includes(name));
    expect(names(rows)).toEqual(all.map((name) => `--${name}`).sort());
    for (const [name, { options }] of Object.entries(COMMANDS)) {
      const documented = names(rows.filter(([, whose]) => whose === 'all' || whose === name));
      expect(documented).toEqual([...options.map((one) => `--${one}`), '--json'].sort());
    }
  });

  it('has all that an entry has', () => {
    const [entry] = errorCatalogue({
      domain,
      mappings: [[Error, { code: 'ABORTED' }]],
    }).errors;
    expect(names(rowsUnder(CLI, '## An entry'))).toEqual(Object.keys(entry!).sort());
  });
});

describe('docs/explanation/grpc-errors-compared.md', () => {
  it.each(Object.entries(ROWS))('says what was tried: %s', (heading, rows) => {
    const compared = page('explanation/grpc-errors-compared.md');
    const [, section = ''] = compared.split(`\n## ${heading}\n`);
    const [, , ...cells] = section.split('\n## ')[0]!.match(/^\|.*\|$/gm)!;
    expect(
      cells.map((one) =>
        one
          .slice(1, -1)
          .split('|')
          .map((cell) => cell.trim()),
      ),
    ).toEqual(
      rows.map(({ name, stock, filter, ours }) => [
        name,
        stock,
        filter === stock ? 'the same' : filter,
        ours,
      ]),
    );
  });
});
