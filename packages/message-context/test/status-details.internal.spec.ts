import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { statusDetails } from '../src/transports/grpc/status-details.js';

const file = fileURLToPath(new URL('support/rpc-status.proto', import.meta.url));
const types = loadSync(file, { longs: Number })['status.Types'] as ServiceDefinition;

/** As a library of gRPC reads it. */
const read = <T>(type: string, bytes: Buffer): T => types[type]!.responseDeserialize(bytes) as T;

interface Status {
  readonly code: number;
  readonly message: string;
  readonly details: readonly { readonly typeUrl: string; readonly value: Buffer }[];
}

it('tells the reason, and when to come again', () => {
  const message = `é ${'x'.repeat(300)}`;
  const status = { http: 409, grpc: 14, reason: 'KEY_IN_USE', retryAfterMs: 90_061_250 };
  const { code, message: read1, details } = read<Status>('Status', statusDetails(status, message));
  expect([code, read1]).toEqual([14, message]);
  expect(details.map(({ typeUrl }) => typeUrl)).toEqual([
    'type.googleapis.com/google.rpc.ErrorInfo',
    'type.googleapis.com/google.rpc.RetryInfo',
  ]);
  expect(read('ErrorInfo', details[0]!.value)).toEqual({
    reason: 'KEY_IN_USE',
    domain: 'acme.nest',
  });
  expect(read('RetryInfo', details[1]!.value)).toEqual({
    retryDelay: { seconds: 90_061, nanos: 250_000_000 },
  });
});

it('tells no more than it knows', () => {
  const status = { http: 422, grpc: 9, reason: 'KEY_REUSED' };
  const { details } = read<Status>('Status', statusDetails(status, ''));
  expect(details).toHaveLength(1);
});
