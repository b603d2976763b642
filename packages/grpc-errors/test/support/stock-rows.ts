// What docs/explanation/grpc-errors-compared.md says, row by row, and how each is tried.
import { Metadata } from '@grpc/grpc-js';
import { BadRequestException, NotFoundException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { EMPTY, NEVER, of } from 'rxjs';
import {
  calling,
  cancelInChain,
  correlationInChain,
  deadlineInChain,
  inThirtyDays,
} from './stock-caller-probes.js';
import { AWAITS, gone, handled, hybrid, inChild, noise, thrown } from './stock-server-probes.js';
import type { Probe } from './stock-settings.js';
import { secondVersion, shortName, twoVersions } from './stock-version-probes.js';

/** A row of the page: what happens, and what becomes of it. */
export interface Row {
  readonly name: string;
  readonly probe: Probe;
  /** Nest 11 and 12 do the same in all of this. */
  readonly stock: string;
  /** Nest 12 with its `GrpcExceptionFilter`. */
  readonly filter: string;
  readonly ours: string;
}

const row = (name: string, probe: Probe, stock: string, ours: string, filter = stock): Row => ({
  name,
  probe,
  stock,
  filter,
  ours,
});

/** Under their headings on the page. */
export const ROWS: Readonly<Record<string, readonly Row[]>> = {
  'An error is thrown': [
    row(
      '`NotFoundException`',
      thrown(() => new NotFoundException('No order 7')),
      'UNKNOWN "Internal server error", not logged',
      'NOT_FOUND "No order 7", logged',
    ),
    row(
      '`BadRequestException` of a `ValidationPipe`',
      thrown(() => new BadRequestException(['email must be an email'])),
      'UNKNOWN "Internal server error", not logged',
      'INVALID_ARGUMENT "The request is not valid: email must be an email", logged',
    ),
    row(
      '`RpcException` with a code',
      thrown(() => new RpcException({ code: 5, message: 'No order 7' })),
      'NOT_FOUND "No order 7", not logged',
      'NOT_FOUND "No order 7", logged',
    ),
    row(
      '`RpcException` around `NotFoundException`',
      thrown(() => new RpcException(new NotFoundException('No order 7') as never)),
      'UNKNOWN "No order 7", not logged',
      'NOT_FOUND "No order 7", logged',
      '404 "No order 7", not logged',
    ),
    row(
      '`RpcException` around another one with a code',
      thrown(() => new RpcException(new RpcException({ code: 5, message: 'No order 7' }))),
      'UNKNOWN "No order 7", not logged',
      'NOT_FOUND "No order 7", logged',
    ),
    row(
      '`RpcException` with code 0',
      thrown(() => new RpcException({ code: 0, message: 'No order 7' })),
      'UNIMPLEMENTED "No message received", not logged',
      'UNKNOWN "No order 7", logged',
    ),
    row(
      '`RpcException` with code 99',
      thrown(() => new RpcException({ code: 99, message: 'No order 7' })),
      '99 "No order 7", not logged',
      'UNKNOWN "No order 7", logged',
    ),
    row(
      'a guard that says no',
      handled(() => ({ id: 'b' }), { guard: () => false }),
      'UNKNOWN "Forbidden resource", not logged',
      'PERMISSION_DENIED "Forbidden resource", logged',
    ),
    row(
      'any `Error`',
      thrown(() => new Error('password of the database')),
      'UNKNOWN "Internal server error", logged',
      'INTERNAL "Internal error", logged',
      'UNKNOWN "Internal server error", not logged',
    ),
    row(
      'a text',
      thrown(() => 'password of the database'),
      'UNKNOWN "Internal server error", logged',
      'INTERNAL "Internal error", logged',
      'UNKNOWN "Internal server error", not logged',
    ),
    row(
      'what another service has answered: not found',
      thrown(() =>
        Object.assign(new Error('5 NOT_FOUND: No price'), {
          code: 5,
          details: 'No price',
          metadata: new Metadata(),
        }),
      ),
      'UNKNOWN "Internal server error", logged',
      'INTERNAL "A service that this one needs has refused.", logged',
      'UNKNOWN "Internal server error", not logged',
    ),
    row(
      'a message of 100,000 characters',
      thrown(() => new RpcException({ code: 9, message: noise(100_000) })),
      'no answer',
      'FAILED_PRECONDITION "too long… (1022)", logged',
    ),
    row(
      'half a character in a message',
      inChild('unary'),
      'the process ends',
      'FAILED_PRECONDITION "half �"',
    ),
    row(
      'in a `@GrpcStreamCall()` handler',
      inChild('pass-through'),
      'the process ends',
      'FAILED_PRECONDITION "thrown"',
    ),
    row(
      'one that a filter (`APP_FILTER`) of a hybrid application knows',
      hybrid,
      'UNKNOWN "Internal server error"',
      'NOT_FOUND "No order 7"',
    ),
  ],
  'A handler answers': [
    row(
      'with an empty stream',
      handled(() => EMPTY),
      'no answer',
      'INTERNAL "Internal error", logged',
    ),
    row(
      'with nothing',
      handled(() => undefined),
      'INTERNAL "Error serializing response", not logged',
      'INTERNAL "Internal error", logged',
    ),
    row(
      'a unary call twice',
      handled(() => of({ id: '1' }, { id: '2' })),
      'no answer',
      'answered "1"',
    ),
    row(
      'once it has awaited its whole request stream',
      handled(AWAITS, { method: 'ClientStream' }),
      'no answer',
      'answered "1"',
    ),
    row('with a stream, and its caller has gone', gone, 'it goes on', 'it is ended'),
  ],
  'There are two versions': [
    row(
      '`@GrpcMethod()` by the short name',
      twoVersions(() => 'Probe'),
      'v1 by v2, v2 by v2',
      'refused at boot',
    ),
    row(
      '`@GrpcMethod()` by the full name',
      twoVersions((version) => `probe.${version}.Probe`),
      'v1 by v1, v2 by v2',
      'v1 by v1, v2 by v2',
    ),
    row(
      'a client of both asks for one by the short name',
      shortName,
      'v1 is called',
      'refused at boot',
    ),
    row(
      'a client of both wants the second by its full name',
      secondVersion,
      'not found',
      'is called',
    ),
  ],
  'A service is called': [
    row(
      'it has not found what was asked for',
      calling(() => {
        throw new RpcException({ code: 5, message: 'No order 7' });
      }),
      'Error, 5',
      'RemoteNotFoundError, NOT_FOUND',
    ),
    row(
      'it does not answer',
      calling(() => NEVER),
      'it waits for ever',
      'RemoteDeadlineExceededError, DEADLINE_EXCEEDED',
    ),
    row('with a deadline in 30 days', inThirtyDays, 'DEADLINE_EXCEEDED at once', 'answered "b"'),
    row(
      'for somebody who has five seconds left: the deadline',
      deadlineInChain,
      'none',
      'what is left',
    ),
    row('for somebody who has gone', cancelInChain, 'it goes on', 'cancelled'),
    row(
      'for somebody with a correlation id',
      correlationInChain,
      'another one',
      'that of the caller',
    ),
  ],
};
