import { readFileSync } from 'node:fs';
import { documentedDefaults, knownOptions, named, names, rowsUnder } from '@acme/internal-testing';
import {
  GrpcClientsModule,
  GrpcCode,
  GrpcError,
  GrpcErrorsConfigurationError,
  GrpcErrorsModule,
  grpcServiceConfig,
  ValidationFailedError,
} from '@acme/nest-grpc-errors';
import { describe, expect, it } from 'vitest';
import { httpStatusOfCode } from '../src/core/http-codes.js';
import { failureLevelOf } from '../src/core/log-level.js';
import { resolveOptions } from '../src/grpc-errors.options.js';

const PAGE = readFileSync(
  new URL('../../../docs/reference/grpc-errors-options.md', import.meta.url),
  'utf8',
);
const domain = 'docs.test';
const nope = { nope: 1 } as object;

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
    const rows = rowsUnder(PAGE, '## Codes').map(([name, http, level]) => [
      named(name),
      Number(http),
      named(level),
    ]);
    expect(rows).toEqual(
      Object.entries(codes).map(([name, code]) => [
        name,
        httpStatusOfCode(code),
        failureLevelOf(code),
      ]),
    );
  });

  it('has all codes of errors', () => {
    const errors = [new GrpcErrorsConfigurationError([]), new ValidationFailedError([])];
    expect(names(rowsUnder(PAGE, '## Errors'))).toEqual(errors.map(({ code }) => code).sort());
  });
});
