// A REST door before a service of gRPC: one table, one format.
import 'reflect-metadata';
import type { ServerResponse } from 'node:http';
import { openApp } from '@acme/internal-testing';
import { MessageContextModule } from '@acme/nest-message-context';
import { GrpcCode, GrpcError, GrpcErrorsModule, HttpErrorsFilter } from '@acme/nest-grpc-errors';
import {
  BadRequestException,
  ForbiddenException,
  Module,
  ServiceUnavailableException,
  UnauthorizedException,
  type ExceptionFilter,
} from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { lastValueFrom, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { door } from './support/rest-door.js';

@GrpcError({ code: 'RESOURCE_EXHAUSTED', reason: 'OUT_OF_STOCK', retryAfter: '1500ms' })
class StockError extends Error {}

const throws = (error: unknown) => () => {
  throw error;
};

describe.each([
  ['Express', false],
  ['Fastify', true],
])('a REST door on %s', (_, fastify) => {
  it('passes on what the service behind it has answered, with when to come again', async () => {
    expect(await door(throws(new StockError('Sold out.')), { fastify })).toMatchObject({
      status: 429,
      type: 'application/problem+json',
      retryAfter: '2',
      body: {
        title: 'Out of stock',
        status: 429,
        detail: 'Sold out.',
        code: 'RESOURCE_EXHAUSTED',
        reason: 'OUT_OF_STOCK',
        domain: 'probe.test',
      },
    });
  });

  it('answers with the fields that a validation behind it has found', async () => {
    const found = await door(throws(new BadRequestException(['unitPrice must be positive'])), {
      fastify,
    });
    expect(found.status).toBe(400);
    expect(found.body).toMatchObject({
      reason: 'VALIDATION_FAILED',
      errors: [{ field: 'unit_price', detail: 'unitPrice must be positive' }],
    });
  });

  it('says nothing of where the service behind it is, when that is away', async () => {
    const found = await door(() => ({}), { fastify, isAway: true });
    expect([found.status, found.body['detail']]).toEqual([
      503,
      'The service that this is for does not answer.',
    ]);
    expect(JSON.stringify(found.body)).not.toMatch(/127\.0\.0\.1|ECONNREFUSED/);
    expect(found.log.messages('warn').join('\n')).toMatch(
      /GET \/probe failed with UNAVAILABLE .*because of RemoteUnavailableError .*correlation id /,
    );
  });

  it('answers as the service behind it, also where its own class has come back', async () => {
    const found = await door(throws(new StockError('Sold out.')), {
      fastify,
      errors: { 'probe.test': [StockError] },
    });
    expect(found.body).toMatchObject({ reason: 'OUT_OF_STOCK', domain: 'probe.test' });
  });

  it('says nothing of what is broken behind it', async () => {
    const found = await door(throws(new Error('secret')), { fastify });
    expect(found.status).toBe(500);
    expect(found.body).toMatchObject({
      detail: 'A service that this one needs has refused.',
      domain: 'door.test',
    });
    expect(JSON.stringify(found.body)).not.toContain('secret');
  });

  it('does not ask the caller for a login that the door itself lacks', async () => {
    const found = await door(throws(new UnauthorizedException('no token')), { fastify });
    expect([found.status, found.body['code']]).toEqual([500, 'INTERNAL']);
  });

  it.each([
    [3, 400, 'INVALID_ARGUMENT'],
    [4, 504, 'DEADLINE_EXCEEDED'],
    [5, 404, 'NOT_FOUND'],
    [14, 503, 'UNAVAILABLE'],
    [2, 500, 'INTERNAL'],
    [12, 500, 'INTERNAL'],
    [15, 500, 'INTERNAL'],
  ])('answers the code %i of the service behind it by %i', async (code, status, name) => {
    const found = await door(throws(new RpcException({ code, message: 'm' })), { fastify });
    expect([found.status, found.body['code']]).toEqual([status, name]);
  });

  it.each<[string, () => unknown, number, object]>([
    [
      'an exception of Nest',
      throws(new ForbiddenException('not yours')),
      403,
      { detail: 'not yours', code: 'PERMISSION_DENIED' },
    ],
    [
      'an error of its own',
      throws(new StockError('Sold out.')),
      429,
      { reason: 'OUT_OF_STOCK', domain: 'door.test' },
    ],
    [
      'what a body parser throws',
      throws(
        Object.assign(new Error('request entity too large'), { statusCode: 413, expose: true }),
      ),
      413,
      { code: 'RESOURCE_EXHAUSTED', detail: 'request entity too large' },
    ],
    [
      'one that nobody knows',
      throws(new Error('secret')),
      500,
      { detail: 'Internal error', reason: 'INTERNAL_ERROR' },
    ],
    [
      'an exception of RPC',
      throws(new RpcException({ code: 9, message: 'not yet' })),
      400,
      { code: 'FAILED_PRECONDITION', detail: 'not yet' },
    ],
    [
      'words that were written for its callers, whatever the status',
      throws(new ServiceUnavailableException('We are closed until six.')),
      503,
      { code: 'UNAVAILABLE', detail: 'We are closed until six.' },
    ],
    [
      'words that were not',
      throws(new ServiceUnavailableException(new Error('secret'))),
      503,
      { detail: 'The request failed (HTTP 503).' },
    ],
    [
      'a cause that says what happened inside',
      throws(new Error('outer', { cause: new ServiceUnavailableException('secret') })),
      503,
      { detail: 'The request failed (HTTP 503).' },
    ],
  ])('answers its own errors, too: %s', async (__, local, status, body) => {
    const found = await door(() => ({}), { local, fastify });
    expect([found.status, found.body]).toEqual([status, expect.objectContaining(body)]);
    expect(JSON.stringify(found.body)).not.toContain('secret');
  });

  it('answers as it is what an exception has for a whole answer: a health check', async () => {
    const health = { status: 'error', details: { database: { status: 'down' } } };
    const local = throws(new ServiceUnavailableException(health));
    const { status, type, body } = await door(() => ({}), { local, fastify });
    expect([status, type, body]).toEqual([503, 'application/json', health]);
  });
});

it('ends an answer that has begun', async () => {
  const found = await door(() => ({}), {
    local: (response) => {
      (response as ServerResponse).write('begun');
      throw new Error('too late');
    },
  });
  expect([found.status, found.body]).toEqual([200, { text: 'begun' }]);
});

it('leaves to others what is no request of HTTP', async () => {
  @Module({
    imports: [MessageContextModule.forRoot(), GrpcErrorsModule.forRoot({ domain: 'door.test' })],
    providers: [HttpErrorsFilter],
  })
  class FilterModule {}
  const { app, close } = await openApp(FilterModule);
  const filter: ExceptionFilter = app.get(HttpErrorsFilter);
  const error = new Error('theirs');
  const answer = (type: string): unknown => {
    const host = { getType: () => type } as never;
    return Reflect.apply(filter.catch, filter, [error, host]);
  };
  expect(() => answer('ws')).toThrow(error);
  await expect(lastValueFrom(answer('rpc') as Observable<never>)).rejects.toBe(error);
  await close();
});

const { OK: _, ...CODES } = GrpcCode;
const INSIDE = ['UNKNOWN', 'INTERNAL', 'DATA_LOSS', 'UNIMPLEMENTED', 'UNAUTHENTICATED'];

it.each(Object.entries(CODES))(
  'passes on what is about the request, and nothing of the inside: %s',
  async (name, code) => {
    const { status, body } = await door(throws(new RpcException({ code, message: 'as said' })));
    expect(body).toMatchObject(
      INSIDE.includes(name)
        ? { code: 'INTERNAL', reason: `DEPENDENCY_${name}`, domain: 'door.test', status: 500 }
        : { code: name, reason: name, domain: 'probe.test', detail: 'as said', status },
    );
  },
);

it('can write errors as AIP-193 has it', async () => {
  const found = await door(throws(new StockError('Sold out.')), { http: 'aip193' });
  expect(found).toMatchObject({
    status: 429,
    type: 'application/json',
    body: {
      error: {
        code: 429,
        message: 'Sold out.',
        status: 'RESOURCE_EXHAUSTED',
        details: [
          {
            '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
            reason: 'OUT_OF_STOCK',
            domain: 'probe.test',
            metadata: {},
          },
          { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1.5s' },
        ],
      },
    },
  });
});
