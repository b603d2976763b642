// What is said of a failure, to callers and in the log, as far as options change it.
import 'reflect-metadata';
import { Metadata, status as Status } from '@grpc/grpc-js';
import { RPC_ANSWER, STATUS } from '@acme/nest-message-context';
import { ValidationFailedError, type GrpcErrorsModuleOptions } from '@acme/nest-grpc-errors';
import { NotFoundException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { openProbe, type ProbeOptions } from './support/probe-app.js';

let opened: Awaited<ReturnType<typeof openProbe>> | undefined;
afterEach(async () => {
  vi.unstubAllEnvs();
  await opened?.close();
  opened = undefined;
});

async function failureOf(handle: ProbeOptions['handle'], options: Partial<ProbeOptions> = {}) {
  opened = await openProbe({ ...options, handle });
  const { error, status } = await opened.invoke('Unary');
  return {
    code: error && Status[error.code],
    message: error?.details,
    ...status?.details,
    log: opened.log,
  };
}

const throws = (error: unknown) => () => {
  throw error;
};

it('repeats an answer that was given before, as it was', async () => {
  const error = Object.assign(new Error('replayed'), {
    [RPC_ANSWER]: { code: 6, details: 'as it was', message: 'as it was' },
  });
  const { code, message, errorInfo } = await failureOf(throws(error));
  expect([code, message, errorInfo]).toEqual(['ALREADY_EXISTS', 'as it was', undefined]);
});

it('shows no stack in production, whatever is wanted', async () => {
  vi.stubEnv('NODE_ENV', 'production');
  const { code, debugInfo } = await failureOf(throws(new Error('x')), {
    details: { debugInfo: true },
  });
  expect([code, debugInfo]).toEqual(['INTERNAL', undefined]);
});

it('answers what nobody knows as is wanted', async () => {
  const { code, message, errorInfo } = await failureOf(throws(new Error('x')), {
    unknown: { code: 'UNKNOWN', message: 'Something went wrong' },
  });
  expect([code, message, errorInfo?.reason]).toEqual([
    'UNKNOWN',
    'Something went wrong',
    'UNKNOWN_ERROR',
  ]);
});

it('names fields as is wanted', async () => {
  const schema = z.object({ contact_email: z.email(), unitPrice: z.number() });
  const { badRequest } = await failureOf(() => schema.parse({}), {
    validation: { fieldCase: 'camel', maxViolations: 2 },
  });
  expect(badRequest?.fieldViolations.map(({ field }) => field)).toEqual([
    'contactEmail',
    'unitPrice',
  ]);
});

it('has as many fields as are wanted', async () => {
  const schema = z.object({ a: z.string(), b: z.string(), c: z.string() });
  const { badRequest } = await failureOf(() => schema.parse({}), {
    validation: { maxViolations: 2 },
  });
  expect(badRequest?.fieldViolations.map(({ field }) => field)).toEqual(['a', 'b']);
});

it('names the fields of issues as a Standard Schema gives them', async () => {
  const { issues } = z.object({ unitPrice: z.number() }).safeParse({}).error!;
  const { code, badRequest } = await failureOf(
    throws(new ValidationFailedError([...issues, { message: 'Taken', path: [{ key: 'sku' }, 0] }])),
  );
  expect([code, badRequest?.fieldViolations.map(({ field }) => field)]).toEqual([
    'INVALID_ARGUMENT',
    ['unit_price', 'sku[0]'],
  ]);
});

it('does not take a list of errors for what is wrong with a request', async () => {
  const { code, message } = await failureOf(throws([new Error('secret')]));
  expect([code, message]).toEqual(['INTERNAL', 'Internal error']);
});

it('sends what an error says of itself as far as trailers take it', async () => {
  const status = { http: 503, grpc: 14, reason: 'ÜBERLASTET', retryAfterMs: 1.5 };
  opened = await openProbe({ handle: throws(Object.assign(new Error('x'), { [STATUS]: status })) });
  const { error, status: sent } = await opened.invoke('Unary');
  expect([error?.code, sent?.details.errorInfo?.reason]).toEqual([14, 'ÜBERLASTET']);
  // What is no whole number means "never" to clients.
  expect(error!.metadata.get('grpc-retry-pushback-ms')).toEqual(['2']);
});

it('leaves trailers that several errors share as they are', async () => {
  const metadata = new Metadata();
  metadata.set('x-own', '1');
  let code = 4;
  opened = await openProbe({
    handle: () => {
      throw new RpcException({ code: (code += 1), message: 'x', metadata });
    },
  });
  for (const expected of [5, 6]) {
    const { error, status } = await opened.invoke('Unary');
    expect([error?.code, status?.code]).toEqual([expected, expected]);
    expect(error!.metadata.get('x-own')).toEqual(['1']);
  }
  expect(Object.keys(metadata.getMap())).toEqual(['x-own']);
});

it('answers what cannot be answered as it should be', async () => {
  const details = (() => ({ badRequest: { fieldViolations: [null] } })) as never;
  const { code, message, log } = await failureOf(throws(new RangeError('x')), {
    mappings: [[RangeError, { code: 'OUT_OF_RANGE', details }]],
  });
  expect([code, message]).toEqual(['INTERNAL', 'Internal error']);
  expect(log.messages('error').join()).toContain(
    'A failed call could not be answered as it should be',
  );
});

describe('the log', () => {
  type Logging = NonNullable<GrpcErrorsModuleOptions['logging']>;
  const told = async (logging: Logging): Promise<string[]> => {
    const { code, log } = await failureOf(throws(new NotFoundException('no')), { logging });
    expect(code).toBe('NOT_FOUND');
    return log.entries
      .filter(({ message }) => String(message).includes('failed with NOT_FOUND'))
      .map(({ level }) => level);
  };

  it.each<[string, Logging, string[]]>([
    ['nothing where nobody wants it', false, []],
    ['nothing of a code of which nobody wants it', (code) => code !== 'NOT_FOUND' && 'log', []],
    ['as loud as is wanted', (code) => (code === 'NOT_FOUND' ? 'warn' : 'log'), ['warn']],
    ['as loud as always where that fails', throws(new Error('x')) as Logging, ['log']],
    ['as loud as always where that says nothing', (() => undefined) as never, ['log']],
    ['as loud as always where that says what is no level', (() => 'info') as never, ['log']],
  ])('is told %s', async (_, logging, levels) => {
    expect(await told(logging)).toEqual(levels);
  });
});
