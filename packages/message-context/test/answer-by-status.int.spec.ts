import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import { Body, Controller, Module, Post, UseFilters, type INestApplication } from '@nestjs/common';
import {
  ClientProxyFactory,
  GrpcMethod,
  MessagePattern,
  RpcException,
  Transport,
  type ClientProxy,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { freePort, testBroker } from '@acme/internal-testing';
import {
  MessageContext,
  MessageContextModule,
  NonRetryableError,
  RetryLater,
  SIGNAL,
  signalOf,
} from '@acme/nest-message-context';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { lastValueFrom, throwError } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const protoPath = fileURLToPath(new URL('support/answers.proto', import.meta.url));

const fail = (how: string): never => {
  switch (how) {
    case 'busy':
      throw new RetryLater({ after: 250, code: 'BUSY', message: 'come back' });
    case 'invalid':
      throw new NonRetryableError('TOO_OLD');
    case 'mapped':
      throw new RpcException({ code: 5, message: 'mapped by the handler' });
    default:
      throw new Error('secret');
  }
};

class Mapping {
  catch(): unknown {
    return throwError(() => ({ code: 10, details: 'mapped by a filter' }));
  }
}

@Controller()
class Answers {
  @GrpcMethod('Answers', 'Ask')
  ask({ fails }: { fails: string }): { text: string } {
    return fails ? fail(fails) : { text: 'fine' };
  }

  @MessagePattern('ask')
  askRmq({ fails }: { fails: string }): string {
    return fail(fails);
  }

  @UseFilters(Mapping)
  @MessagePattern('filtered')
  filtered(): string {
    return fail('busy');
  }

  @Post('echo')
  echo(@Body() body: unknown): unknown {
    const { message } = MessageContext.require();
    const response = message.response as { statusCode?: number } | undefined;
    return {
      received: message.receivedPayload === body,
      payload: message.payload === body,
      status: response?.statusCode,
    };
  }
}

@Module({ imports: [MessageContextModule.forRoot()], controllers: [Answers] })
class AnswersModule {}

describe('an error that carries a status', () => {
  let app: INestApplication;
  let client: Client;
  let rmq: ClientProxy;

  beforeAll(async () => {
    const broker = await testBroker();
    const url = `127.0.0.1:${await freePort()}`;
    const queue = {
      urls: [broker.url],
      queue: broker.name('answers'),
      queueOptions: { durable: false },
    };
    const testing = await Test.createTestingModule({ imports: [AnswersModule] }).compile();
    testing.useLogger(false);
    app = testing.createNestApplication();
    const deferred = { deferInitialization: true };
    app.connectMicroservice<MicroserviceOptions>(
      { transport: Transport.GRPC, options: { package: 'answers', protoPath, url } },
      deferred,
    );
    app.connectMicroservice<MicroserviceOptions>(
      { transport: Transport.RMQ, options: { ...queue, noAck: false } },
      deferred,
    );
    await app.startAllMicroservices();
    client = new Client(url, credentials.createInsecure());
    rmq = ClientProxyFactory.create({ transport: Transport.RMQ, options: queue });
  });

  afterAll(async () => {
    client.close();
    await rmq.close();
    await app.close();
  });

  const ask = (fails: string): Promise<ServiceError | undefined> =>
    new Promise((done) => {
      client.makeUnaryRequest(
        '/answers.Answers/Ask',
        (text: string) => Buffer.concat([Buffer.from([10, text.length]), Buffer.from(text)]),
        (bytes) => bytes,
        fails,
        (error) => done(error ?? undefined),
      );
    });

  const asked = (pattern: string, fails: string): Promise<unknown> =>
    lastValueFrom(rmq.send(pattern, { fails })).catch((error: unknown) => error);

  it('is answered with it on gRPC, with the reason and the pushback in the trailers', async () => {
    const error = await ask('busy');
    expect(error).toMatchObject({ code: 14, details: 'come back' });
    expect(error?.metadata.get('x-error-code')).toEqual(['BUSY']);
    expect(error?.metadata.get('grpc-retry-pushback-ms')).toEqual(['250']);
    expect(await ask('invalid')).toMatchObject({ code: 9 });
  });

  it('leaves to Nest what carries none or was mapped already', async () => {
    expect(await ask('mapped')).toMatchObject({ code: 5 });
    expect((await ask('unknown'))?.details).not.toContain('secret');
  });

  it('is answered with it on a RabbitMQ request', async () => {
    expect(await asked('ask', 'busy')).toMatchObject({
      status: 'error',
      code: 'BUSY',
      statusCode: 503,
      message: 'come back',
      retryAfterMs: 250,
    });
    expect(await asked('ask', 'unknown')).toMatchObject({ message: 'Internal server error' });
    expect(await asked('filtered', '')).toMatchObject({ details: 'mapped by a filter' });
  });
});

it('reads the decision of an error that has a class of its own', () => {
  const error = Object.assign(new RangeError('full'), {
    [SIGNAL]: { action: 'retry', afterMs: 5, countAttempt: false },
  });
  expect(signalOf(error)).toEqual({ action: 'retry', afterMs: 5, countAttempt: false });
});

describe.each(['express', 'fastify'])('an HTTP message on %s', (platform) => {
  it('gives the parsed body and what the request is answered with', async () => {
    const testing = await Test.createTestingModule({ imports: [AnswersModule] }).compile();
    const app =
      platform === 'express'
        ? testing.createNestApplication()
        : testing.createNestApplication(new FastifyAdapter());
    await app.listen(0, '127.0.0.1');
    const reply = await fetch(`${await app.getUrl()}/echo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"n":1}',
    });
    expect(await reply.json()).toEqual({ received: true, payload: true, status: 201 });
    await app.close();
  });
});
