import 'reflect-metadata';
import {
  BadRequestException,
  Catch,
  Controller,
  Inject,
  UseFilters,
  UseInterceptors,
  type CallHandler,
  type ExceptionFilter,
  type NestInterceptor,
} from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { NonRetryableError, RetryLater } from '@acme/nest-message-context';
import { defer, lastValueFrom, retry, type Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSettled } from './support/settled-app.js';
import { openTraced } from './support/trace.js';

class Retries implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(retry(1));
  }
}

@Catch(RangeError)
class Own implements ExceptionFilter {
  catch(error: RangeError): never {
    throw error;
  }
}

let failures: Error[] = [];
const fail = (): never => {
  throw failures.shift() ?? new Error('fails once more than the test has said');
};

@UseFilters(Own)
@Controller()
class Handlers {
  constructor(@Inject(ExternalContextCreator) private readonly external: ExternalContextCreator) {}

  @UseInterceptors(Retries)
  @EventPattern('retried')
  async retried(): Promise<void> {
    fail();
  }

  @EventPattern('recovers')
  async recovers(): Promise<void> {
    // What Nest runs for libraries of the user: its filters are those of the class.
    const part = this.external.create(this, fail, 'part');
    await (part() as Promise<unknown>).catch(() => {});
    fail();
  }

  @MessagePattern('stream')
  stream(): Observable<never> {
    return defer(fail);
  }

  @UseFilters(Own)
  @EventPattern('own filters')
  async withFilters(): Promise<void> {}
}

let close: () => Promise<void> = async () => {};
beforeEach(() => {
  failures = [];
});
afterEach(() => close());

async function outcomeOf(pattern: string): Promise<readonly string[]> {
  const { app, settled, deliver } = await openSettled([Handlers]);
  await deliver(pattern);
  // Gives back what is held for a moment before it is tried again.
  await app.close();
  return settled;
}

describe('of several errors, the one that counts is the last', () => {
  it('where an interceptor repeats the handler', async () => {
    failures = [new BadRequestException(), new Error('connection lost')];
    expect(await outcomeOf('retried')).toEqual(['requeue']);
    failures = [new Error('connection lost'), new BadRequestException()];
    expect(await outcomeOf('retried')).toEqual(['reject']);
  });

  it('where the handler has dealt with one that filters have seen: its message is not lost for that', async () => {
    failures = [new BadRequestException(), new Error('connection lost')];
    expect(await outcomeOf('recovers')).toEqual(['requeue']);
    failures = [new Error('connection lost'), new BadRequestException()];
    expect(await outcomeOf('recovers')).toEqual(['reject']);
  });

  it('where a transport subscribes to the reply again', async () => {
    const { app, server } = await openTraced({ controllers: [Handlers] });
    close = () => app.close();
    failures = [new NonRetryableError('TOO_OLD'), new RetryLater({ code: 'BUSY' })];
    const reply = (await server.getHandlerByPattern('stream')!({}, {})) as Observable<unknown>;
    await expect(lastValueFrom(reply.pipe(retry(1)))).rejects.toMatchObject({ code: 'BUSY' });
  });
});

it('the filter that sees them is put once, however many applications share the class', async () => {
  const filters = (target: object): unknown =>
    Reflect.getMetadata('__exceptionFilters__', target) as unknown;
  for (let n = 0; n < 3; n += 1) {
    const { app } = await openSettled([Handlers]);
    await app.close();
  }
  const observer = expect.objectContaining({ catch: expect.any(Function) as unknown }) as unknown;
  const { withFilters, stream } = Handlers.prototype;
  expect([Handlers, withFilters, stream].map(filters)).toEqual([
    [Own, observer],
    [Own, observer],
    undefined,
  ]);
});
