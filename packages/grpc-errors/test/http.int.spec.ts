// A REST door before a service of gRPC: one table, one format.
import 'reflect-metadata';
import { freePort, openApp } from '@acme/internal-testing';
import { MessageContextModule } from '@acme/nest-message-context';
import {
  GrpcClientsModule,
  GrpcError,
  GrpcErrorsModule,
  HttpErrorsFilter,
  InjectGrpcService,
  type GrpcClientOptions,
  type GrpcService,
  type HttpErrorFormat,
} from '@acme/nest-grpc-errors';
import {
  BadRequestException,
  Controller,
  ForbiddenException,
  Get,
  Module,
  UnauthorizedException,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { openProbe, PROTO, type Message, type ProbeOptions } from './support/probe-app.js';

interface Probe {
  unary(request: Message): Promise<Message>;
}

@GrpcError({ code: 'RESOURCE_EXHAUSTED', reason: 'OUT_OF_STOCK', retryAfter: '1500ms' })
class StockError extends Error {}

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function door(
  handle: ProbeOptions['handle'],
  {
    format,
    local,
    fastify = false,
    isAway = false,
    errors = {},
  }: {
    format?: HttpErrorFormat;
    local?: () => unknown;
    fastify?: boolean;
    isAway?: boolean;
    errors?: GrpcClientOptions['errors'];
  } = {},
) {
  const server = await openProbe({ handle });
  const url = isAway ? `127.0.0.1:${await freePort()}` : server.url;
  open.push(server);
  @Controller()
  class Door {
    constructor(@InjectGrpcService('probe.v1.Probe') readonly probe: GrpcService<Probe>) {}

    @Get('probe')
    async get(): Promise<unknown> {
      return local ? local() : this.probe.unary({ id: 'a' });
    }
  }
  @Module({
    imports: [
      MessageContextModule.forRoot(),
      GrpcErrorsModule.forRoot({ domain: 'door.test', ...(format && { http: format }) }),
      GrpcClientsModule.register([{ packages: 'probe.v1', protoPath: PROTO, url, errors }]),
    ],
    controllers: [Door],
    providers: [{ provide: APP_FILTER, useClass: HttpErrorsFilter }],
  })
  class DoorModule {}
  const app = await openApp(DoorModule, fastify ? { adapter: new FastifyAdapter() } : {});
  open.push(app);
  const response = await fetch(`${app.url}/probe`);
  return {
    status: response.status,
    type: response.headers.get('content-type')?.split(';')[0],
    retryAfter: response.headers.get('retry-after'),
    body: (await response.json()) as Record<string, unknown>,
    log: app.log,
  };
}

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
  ])('answers its own errors, too: %s', async (__, local, status, body) => {
    const found = await door(() => ({}), { local, fastify });
    expect([found.status, found.body]).toEqual([status, expect.objectContaining(body)]);
    expect(JSON.stringify(found.body)).not.toContain('secret');
  });
});

it('can write errors as AIP-193 has it', async () => {
  const found = await door(throws(new StockError('Sold out.')), { format: 'aip193' });
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
