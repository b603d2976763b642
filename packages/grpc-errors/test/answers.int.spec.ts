// What is said of a failure, to callers and in the log, as far as options change it.
import 'reflect-metadata';
import { status as Status } from '@grpc/grpc-js';
import { RPC_ANSWER } from '@acme/nest-message-context';
import type { GrpcErrorsModuleOptions } from '@acme/nest-grpc-errors';
import { NotFoundException } from '@nestjs/common';
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

describe('the log', () => {
  type Logging = NonNullable<GrpcErrorsModuleOptions['logging']>;
  const told = async (logging: Logging): Promise<string[]> => {
    const { log } = await failureOf(throws(new NotFoundException('no')), { logging });
    return log.entries
      .filter(({ message }) => String(message).includes('failed with NOT_FOUND'))
      .map(({ level }) => level);
  };

  it.each<[string, Logging, string[]]>([
    ['nothing where nobody wants it', false, []],
    ['nothing of a code of which nobody wants it', (code) => code !== 'NOT_FOUND' && 'log', []],
    ['as loud as is wanted', (code) => (code === 'NOT_FOUND' ? 'warn' : 'log'), ['warn']],
    ['as loud as always where that fails', throws(new Error('x')) as Logging, ['log']],
  ])('is told %s', async (_, logging, levels) => {
    expect(await told(logging)).toEqual(levels);
  });
});
