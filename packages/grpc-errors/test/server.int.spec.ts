// What a caller of gRPC sees of an error, through a real server and a client that knows nothing of us.
import 'reflect-metadata';
import { Metadata, status as Status } from '@grpc/grpc-js';
import type { RecordingLogger } from '@acme/internal-testing';
import { MessageContextModule, NonRetryableError, STATUS } from '@acme/nest-message-context';
import {
  GrpcError,
  GrpcErrorAdvice,
  grpcValidationExceptionFactory,
  HandlesGrpcError,
  type GrpcErrorRule,
} from '@acme/nest-grpc-errors';
import {
  BadRequestException,
  Catch,
  HttpException,
  NotFoundException,
  UnauthorizedException,
  UseFilters,
  ValidationPipe,
  type ExceptionFilter,
} from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { Type } from 'class-transformer';
import { IsEmail, IsString, ValidateNested } from 'class-validator';
import { afterEach, describe, expect, it } from 'vitest';
import { of, throwError, type Observable } from 'rxjs';
import { z } from 'zod';
import { openProbe, type ProbeOptions } from './support/probe-app.js';

let opened: Awaited<ReturnType<typeof openProbe>> | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

const open = async (options: ProbeOptions) => (opened = await openProbe(options));

/** What a unary call fails with, whose handler does that. */
async function failureOf(handle: () => unknown, options: Partial<ProbeOptions> = {}) {
  const { invoke, log } = await open({ ...options, handle });
  const { error, status } = await invoke('Unary');
  return {
    code: error && Status[error.code],
    message: error?.details,
    ...status?.details,
    log,
    error,
    status,
  };
}

const throws = (error: unknown) => () => {
  throw error;
};

@GrpcError<OrderNotFoundError>({ code: 'NOT_FOUND', metadata: ['orderId'] })
class OrderNotFoundError extends Error {
  constructor(readonly orderId: string) {
    super(`Order ${orderId} does not exist.`);
  }
}

class OldOrderNotFoundError extends OrderNotFoundError {}

class StockError extends Error {
  constructor(readonly left: number) {
    super('There is not enough of it.');
  }
}

describe('a domain error', () => {
  it('is answered as its class says, with its reason and its facts', async () => {
    const { code, message, errorInfo, log } = await failureOf(throws(new OrderNotFoundError('7')));
    expect([code, message]).toEqual(['NOT_FOUND', 'Order 7 does not exist.']);
    expect(errorInfo).toEqual({
      reason: 'ORDER_NOT_FOUND',
      domain: 'probe.test',
      metadata: { orderId: '7' },
    });
    expect(log.messages('log').join('\n')).toMatch(
      /\/probe\.v1\.Probe\/Unary failed with NOT_FOUND \(ORDER_NOT_FOUND\): Order 7 does not exist\. \[\d+ ms, ProbeController\.unary, correlation id /,
    );
  });

  it.each([
    ['a class that extends it', () => new OldOrderNotFoundError('7')],
    [
      'an error that it is the cause of',
      () => new Error('outer', { cause: new OrderNotFoundError('7') }),
    ],
  ])('is answered so as %s', async (_, make) => {
    const { code, errorInfo } = await failureOf(throws(make()));
    expect([code, errorInfo?.reason]).toEqual(['NOT_FOUND', 'ORDER_NOT_FOUND']);
  });

  it('is answered as a mapping says, with when to come again', async () => {
    const { code, errorInfo, retryInfo, error } = await failureOf(throws(new StockError(3)), {
      mappings: [
        [
          StockError,
          {
            code: 'RESOURCE_EXHAUSTED',
            reason: 'OUT_OF_STOCK',
            retryAfter: '2s',
            metadata: ({ left }: StockError) => ({ left }),
          },
        ],
      ],
    });
    expect(code).toBe('RESOURCE_EXHAUSTED');
    expect(errorInfo).toMatchObject({ reason: 'OUT_OF_STOCK', metadata: { left: '3' } });
    expect(retryInfo?.retryDelay.seconds).toBe(2);
    expect(error?.metadata.get('grpc-retry-pushback-ms')).toEqual(['2000']);
  });

  it('is answered as an advice says, and as the class above where that has nothing to say', async () => {
    @GrpcErrorAdvice()
    class Advice {
      @HandlesGrpcError(OldOrderNotFoundError)
      old({ orderId }: OldOrderNotFoundError): GrpcErrorRule | undefined {
        return orderId === 'old'
          ? { code: 'FAILED_PRECONDITION', reason: 'ORDER_ARCHIVED' }
          : undefined;
      }
    }
    const providers = [Advice];
    const first = await failureOf(throws(new OldOrderNotFoundError('old')), { providers });
    expect([first.code, first.errorInfo?.reason]).toEqual([
      'FAILED_PRECONDITION',
      'ORDER_ARCHIVED',
    ]);
    await opened?.close();
    const second = await failureOf(throws(new OldOrderNotFoundError('new')), { providers });
    expect([second.code, second.errorInfo?.reason]).toEqual(['NOT_FOUND', 'ORDER_NOT_FOUND']);
  });

  it('is answered as one that nobody knows where its mapping fails', async () => {
    const { code, message, log } = await failureOf(throws(new StockError(3)), {
      mappings: [[StockError, { code: 'NOT_FOUND', message: throws(new Error('broken')) }]],
    });
    expect([code, message]).toEqual(['INTERNAL', 'Internal error']);
    expect(log.messages('error').join('\n')).toContain(
      'A mapping of errors has failed itself: "broken"',
    );
  });
});

describe('an error that nobody knows', () => {
  it('tells callers nothing but an id, which the log has with the truth', async () => {
    const { code, message, errorInfo, requestInfo, log } = await failureOf(
      throws(new Error('password of the database')),
    );
    expect([code, message]).toEqual(['INTERNAL', 'Internal error']);
    const { errorId } = errorInfo!.metadata;
    expect(errorInfo).toMatchObject({ reason: 'INTERNAL_ERROR', domain: 'probe.test' });
    expect(requestInfo?.requestId).toBe(errorId);
    const line = log.messages('error').find((text) => text.includes(errorId!));
    expect(line).toContain('because of Error "password of the database"');
  });

  const hostile = {
    get message(): string {
      throw new Error('no');
    },
  };
  it.each<[string, unknown]>([
    ['a text', 'a text'],
    ['null', null],
    ['undefined', undefined],
    ['without a prototype', Object.create(null)],
    ['with a getter that throws', hostile],
  ])('may be anything: %s', async (_, thrown) => {
    const { code, message, errorInfo, log } = await failureOf(throws(thrown));
    expect([code, message]).toEqual(['INTERNAL', 'Internal error']);
    const { errorId } = errorInfo!.metadata;
    expect(log.messages('error').some((text) => text.includes(errorId!))).toBe(true);
  });

  it('shows its stack where that is wanted', async () => {
    const { debugInfo } = await failureOf(
      throws(new Error('outer', { cause: new Error('inner') })),
      {
        details: { debugInfo: true },
      },
    );
    expect(debugInfo?.detail).toBe('Error: outer\nCaused by: Error: inner');
    expect(debugInfo?.stackEntries[0]).toMatch(/^at /);
  });
});

describe('an error of others', () => {
  const withCode = (message: string, more: object) => Object.assign(new Error(message), more);
  class Grpc12 extends RpcException {
    readonly code = Status.OUT_OF_RANGE;
  }
  it.each<[string, unknown, string, string, string]>([
    [
      'NotFoundException',
      new NotFoundException('No order 7'),
      'NOT_FOUND',
      'NOT_FOUND',
      'No order 7',
    ],
    ['418', new HttpException('tea', 418), 'INVALID_ARGUMENT', 'INVALID_ARGUMENT', 'tea'],
    [
      '503',
      new HttpException('db-1:5432', 503),
      'UNAVAILABLE',
      'UNAVAILABLE',
      'The request failed (HTTP 503).',
    ],
    [
      'a code of its own',
      new HttpException({ message: 'gone', code: 'ORDER_GONE' }, 410),
      'NOT_FOUND',
      'ORDER_GONE',
      'gone',
    ],
    ['RpcException, text', new RpcException('no luck'), 'UNKNOWN', 'UNKNOWN', 'no luck'],
    [
      'RpcException, code',
      new RpcException({ code: 9, message: 'not yet' }),
      'FAILED_PRECONDITION',
      'FAILED_PRECONDITION',
      'not yet',
    ],
    [
      'RpcException, code out of range',
      new RpcException({ code: 99, message: 'm' }),
      'UNKNOWN',
      'UNKNOWN',
      'm',
    ],
    [
      'RpcException around another',
      new RpcException(new NotFoundException('No order')),
      'NOT_FOUND',
      'NOT_FOUND',
      'No order',
    ],
    ['GrpcException of Nest 12', new Grpc12('too far'), 'OUT_OF_RANGE', 'OUT_OF_RANGE', 'too far'],
    [
      'one with a status',
      new NonRetryableError('X_BROKEN', {
        message: 'broken',
        status: { http: 409, grpc: 10, reason: 'X_CONFLICT' },
      }),
      'ABORTED',
      'X_CONFLICT',
      'broken',
    ],
    [
      'HttpException around an error',
      new UnauthorizedException(new Error('no /etc/key')),
      'UNAUTHENTICATED',
      'UNAUTHENTICATED',
      'The request was refused.',
    ],
    [
      'a name of Object’s own',
      withCode('x', { code: 'constructor', severity: 'ERROR' }),
      'INTERNAL',
      'INTERNAL_ERROR',
      'Internal error',
    ],
    [
      'a status by its symbol',
      withCode('slow down', { [STATUS]: { http: 429, grpc: 8, reason: 'SLOW' } }),
      'RESOURCE_EXHAUSTED',
      'SLOW',
      'slow down',
    ],
    [
      'ECONNREFUSED',
      withCode('connect 10.0.0.7:5432', { code: 'ECONNREFUSED' }),
      'UNAVAILABLE',
      'DEPENDENCY_UNAVAILABLE',
      'Something that this service needs cannot be reached.',
    ],
    [
      'AbortSignal.timeout',
      new DOMException('m', 'TimeoutError'),
      'DEADLINE_EXCEEDED',
      'DEADLINE_EXCEEDED',
      'It took longer than it may.',
    ],
    [
      'pg unique',
      withCode('duplicate key "users_email"', { code: '23505', severity: 'ERROR' }),
      'ALREADY_EXISTS',
      'ALREADY_EXISTS',
      'It exists already.',
    ],
    [
      'TypeORM around pg',
      withCode('x', {
        name: 'QueryFailedError',
        driverError: { code: '40001', severity: 'ERROR' },
      }),
      'ABORTED',
      'TRANSACTION_CONFLICT',
      'Another change came in between. Read again, and try again.',
    ],
    [
      'Prisma',
      withCode('x', { code: 'P2025', clientVersion: '7' }),
      'NOT_FOUND',
      'NOT_FOUND',
      'It does not exist.',
    ],
    [
      'another service, not found',
      withCode('5 NOT_FOUND: secret', { code: 5, details: 'secret' }),
      'INTERNAL',
      'DEPENDENCY_NOT_FOUND',
      'A service that this one needs has refused.',
    ],
    [
      'another service, away',
      withCode('14', { code: 14, details: 'db' }),
      'UNAVAILABLE',
      'DEPENDENCY_UNAVAILABLE',
      'A service that this one needs does not answer.',
    ],
  ])('has its place: %s', async (_, error, code, reason, message) => {
    const found = await failureOf(throws(error));
    expect([found.code, found.errorInfo?.reason, found.message]).toEqual([code, reason, message]);
  });

  it('is the same where the handler is not reached: a guard that says no', async () => {
    const { code, message } = await failureOf(() => ({ id: 'b' }), { guard: () => false });
    expect([code, message]).toEqual(['PERMISSION_DENIED', 'Forbidden resource']);
  });

  it('has the fields that a validation has found', async () => {
    const { code, message, badRequest } = await failureOf(
      throws(
        new BadRequestException(['items.0.unitPrice must be positive', 'email must be an email']),
      ),
    );
    expect([code, message]).toEqual([
      'INVALID_ARGUMENT',
      'The request is not valid: items[0].unit_price: items.0.unitPrice must be positive; email must be an email',
    ]);
    expect(badRequest?.fieldViolations).toEqual([
      { field: 'items[0].unit_price', description: 'items.0.unitPrice must be positive' },
      { field: 'email', description: 'email must be an email' },
    ]);
  });
});

describe('what a filter of the application has decided', () => {
  const filter = (answer: (error: unknown) => unknown): ClassDecorator => {
    @Catch(StockError)
    class Filter implements ExceptionFilter {
      catch(error: unknown): Observable<never> {
        return throwError(() => answer(error));
      }
    }
    return UseFilters(Filter);
  };

  it.each<[string, unknown, string, string]>([
    ['an answer', { code: 9, message: 'by filter' }, 'FAILED_PRECONDITION', 'by filter'],
    ['a code that is none', { code: 99, message: 'by filter' }, 'UNKNOWN', 'by filter'],
    [
      'text that cannot be sent',
      { code: 9, message: 'half \ud83d' },
      'FAILED_PRECONDITION',
      'half \ufffd',
    ],
    ['another error', new OrderNotFoundError('8'), 'NOT_FOUND', 'Order 8 does not exist.'],
  ])('is kept: %s', async (_, answer, code, message) => {
    const found = await failureOf(throws(new StockError(1)), { decorate: filter(() => answer) });
    expect([found.code, found.message]).toEqual([code, message]);
  });
});

describe('trailers of somebody else', () => {
  it('go along, and go before ours', async () => {
    const metadata = new Metadata();
    metadata.set('x-own', '1');
    metadata.set('x-error-code', 'OWN');
    const { error, errorInfo } = await failureOf(
      throws(new RpcException({ code: 9, details: 'as it is', message: 'm', metadata })),
    );
    expect([
      error?.details,
      error?.metadata.get('x-own'),
      error?.metadata.get('x-error-code'),
    ]).toEqual(['as it is', ['1'], ['OWN']]);
    expect(errorInfo?.reason).toBe('FAILED_PRECONDITION');
  });

  it('are made of an object where a filter has chosen one, which would end the process', async () => {
    @Catch(StockError)
    class Filter implements ExceptionFilter {
      catch(): Observable<never> {
        return throwError(() => ({
          code: 9,
          message: 'm',
          metadata: { 'x-own': '1', 'not a name': '2', 'x-number': 3 },
        }));
      }
    }
    const { error } = await failureOf(throws(new StockError(1)), { decorate: UseFilters(Filter) });
    expect([error?.code, error?.metadata.get('x-own')]).toEqual([9, ['1']]);
  });
});

it('writes one line of log, whatever callers put into their words', async () => {
  const { log } = await failureOf(throws(new NotFoundException('gone\n[Nest] forged')));
  expect(log.messages('log').some((text) => text.includes('gone [Nest] forged'))).toBe(true);
});

describe('the log', () => {
  /** What was written of the call, by whomever. */
  const written = ({ log }: { readonly log: RecordingLogger }) =>
    log.entries
      .filter(({ context }) => ['GrpcErrors', 'RpcExceptionsHandler'].includes(context!))
      .map(({ level, message, extra }) => ({
        level,
        line: String(message),
        hasStack: String(extra[0]).includes('server.int.spec'),
      }));

  it.each(['Unary', 'ServerStream', 'ClientStream', 'Bidi', 'PassThrough'])(
    'has one line of a call that was refused on purpose, and Nest none: %s',
    async (method) => {
      const { invoke, log } = await open({ handle: throws(new OrderNotFoundError('7')) });
      await invoke(method);
      expect(written({ log })).toEqual([
        { level: 'log', hasStack: false, line: expect.stringContaining('(ORDER_NOT_FOUND)') },
      ]);
    },
  );

  it('has one line, with the stack, of what nobody has expected', async () => {
    expect(written(await failureOf(throws(new TypeError('undefined is no function'))))).toEqual([
      { level: 'error', hasStack: true, line: expect.stringContaining('undefined is no function') },
    ]);
  });

  it('has that of Nest where it is not our call', async () => {
    const { log } = await failureOf(throws(new TypeError('elsewhere')), {
      modules: [MessageContextModule.forRoot()],
    });
    expect(log.entries.find(({ context }) => context === 'RpcExceptionsHandler')?.level).toBe(
      'error',
    );
  });
});

describe('a stream that fails', () => {
  const methods = [
    'Unary',
    'ServerStream',
    'ClientStream',
    'Bidi',
    'PassThrough',
    'PassThroughBidi',
  ];

  it.each(methods)('answers with the error: %s', async (method) => {
    const { invoke } = await open({ handle: throws(new OrderNotFoundError('7')) });
    const { error, status } = await invoke(method);
    expect(error && Status[error.code]).toBe('NOT_FOUND');
    expect(status?.details.errorInfo).toMatchObject({ reason: 'ORDER_NOT_FOUND' });
  });

  it.each(methods)('answers with the error of a stream: %s', async (method) => {
    const { invoke } = await open({ handle: () => throwError(() => new OrderNotFoundError('7')) });
    const { error, status } = await invoke(method);
    expect(error && Status[error.code]).toBe('NOT_FOUND');
    expect(status?.details.errorInfo).toMatchObject({ reason: 'ORDER_NOT_FOUND' });
  });

  it('sends what went before it', async () => {
    const { invoke } = await open({
      handle: () => of({ id: '1' }, { id: '2' }).pipe((source) => source),
    });
    expect((await invoke('ServerStream')).messages).toEqual([{ id: '1' }, { id: '2' }]);
  });
});

describe('a request that is not valid', () => {
  class Line {
    @IsString()
    skuName!: string;
  }
  class Order {
    @IsEmail()
    contactEmail!: string;

    @ValidateNested({ each: true })
    @Type(() => Line)
    lines!: Line[];
  }
  const given = { contactEmail: 'no', lines: [{ skuName: 'a' }, { skuName: 7 }] };
  const validate = (pipe: ValidationPipe) => () =>
    pipe.transform(given, { type: 'body', metatype: Order });

  it.each([
    ['by the pipe alone', {}, [undefined, undefined]],
    [
      'with what it has found',
      { exceptionFactory: grpcValidationExceptionFactory() },
      ['IS_EMAIL', 'IS_STRING'],
    ],
  ])('is answered with its fields: class-validator, %s', async (_, options, reasons) => {
    const { code, badRequest, errorInfo } = await failureOf(validate(new ValidationPipe(options)));
    expect([code, errorInfo?.reason]).toEqual(['INVALID_ARGUMENT', 'VALIDATION_FAILED']);
    const found = badRequest?.fieldViolations.map(({ field, reason }) => [field, reason]);
    expect(found).toEqual([
      ['contact_email', reasons[0]],
      ['lines[1].sku_name', reasons[1]],
    ]);
  });

  it('is answered with its fields: zod', async () => {
    const schema = z.object({
      contactEmail: z.email(),
      lines: z.array(z.object({ skuName: z.string() })),
    });
    const { code, badRequest } = await failureOf(() => schema.parse(given));
    expect(code).toBe('INVALID_ARGUMENT');
    expect(badRequest?.fieldViolations.map(({ field, reason }) => [field, reason])).toEqual([
      ['contact_email', 'INVALID_FORMAT'],
      ['lines[1].sku_name', 'INVALID_TYPE'],
    ]);
  });

  it('is answered with as many fields as are wanted, named as is wanted', async () => {
    const { badRequest } = await failureOf(validate(new ValidationPipe()), {
      validation: { maxViolations: 1, fieldCase: 'as-is' },
    });
    expect(badRequest?.fieldViolations.map(({ field }) => field)).toEqual(['contactEmail']);
  });
});
