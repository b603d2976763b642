// What the guide shows works.
import { openContext } from '@acme/internal-testing';
import { MessageContextModule } from '@acme/nest-message-context';
import { GrpcError, GrpcErrorsModule, ValidationFailedError } from '@acme/nest-grpc-errors';
import { Module, ServiceUnavailableException } from '@nestjs/common';
import { Metadata, status as Status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { clients, OrderNotFoundError, Orders } from './support/client-example.js';
import {
  localized,
  mapped,
  PaymentError,
  PaymentErrors,
  pipe,
  RowLockedError,
} from './support/mapping-example.js';
import { openProbe } from './support/probe-app.js';

@GrpcError({ code: 'FAILED_PRECONDITION' })
class SoldOutError extends Error {}

it.each<[string, Error, string, string]>([
  ['a mapping of a class', new RowLockedError('locked'), 'ABORTED', 'ROW_LOCKED'],
  [
    'a mapping by a function',
    Object.assign(new Error('x'), { code: 'E_FULL' }),
    'RESOURCE_EXHAUSTED',
    'STORE_FULL',
  ],
  ['an advice', new PaymentError('card', 'declined'), 'FAILED_PRECONDITION', 'CARD_DECLINED'],
  [
    'an advice that has nothing to say',
    new PaymentError('provider', 'down'),
    'INTERNAL',
    'INTERNAL_ERROR',
  ],
])('answers by %s', async (_, error, code, reason) => {
  const { invoke, close } = await openProbe({
    handle: () => {
      throw error;
    },
    modules: [MessageContextModule.forRoot(), mapped()],
    providers: [PaymentErrors],
  });
  const { error: answer, status } = await invoke('Unary');
  expect([answer && Status[answer.code], status?.details.errorInfo?.reason]).toEqual([
    code,
    reason,
  ]);
  expect(status?.details.errorInfo?.domain).toBe('payments.acme.dev');
  await close();
});

it('has words for people', async () => {
  const { invoke, close } = await openProbe({
    handle: () => {
      throw new OrderNotFoundError('7');
    },
    modules: [MessageContextModule.forRoot(), localized()],
  });
  const metadata = new Metadata();
  metadata.set('accept-language', 'de');
  const { status } = await invoke('Unary', { metadata });
  expect(status?.details.localizedMessage?.message).toBe('Es gibt keine Bestellung 7.');
  await close();
});

it('gives the class back, or the class of the code', async () => {
  const failures = [
    new OrderNotFoundError('7'),
    new SoldOutError('none left'),
    new ServiceUnavailableException(),
  ];
  const server = await openProbe({
    handle: () => {
      throw failures.shift() ?? new Error('who knows');
    },
  });
  @Module({ imports: [clients(server.url)], providers: [Orders] })
  class CallerModule {}
  const { app, close } = await openContext(CallerModule);
  const orders = app.get(Orders);
  await expect(orders.find('7')).resolves.toBeUndefined();
  await expect(orders.find('8')).resolves.toBe('sold');
  await expect(orders.find('9')).resolves.toBe('later');
  await expect(orders.find('10')).rejects.toMatchObject({ status: 'INTERNAL', code: 13 });
  await close();
  await server.close();
});

it('keeps what a pipe has found as it is', () => {
  const { exceptionFactory } = pipe() as unknown as { exceptionFactory(found: object[]): unknown };
  const found = [{ property: 'sku', constraints: { isSku: 'sku must be one' } }];
  const error = exceptionFactory(found);
  expect(error).toBeInstanceOf(ValidationFailedError);
  expect((error as ValidationFailedError).violations).toBe(found);
});

it('takes its options when the application starts', async () => {
  @Module({
    imports: [
      MessageContextModule.forRoot(),
      GrpcErrorsModule.forRootAsync({ useFactory: () => ({ domain: 'no name at all!' }) }),
    ],
  })
  class AsyncModule {}
  await expect(openContext(AsyncModule)).rejects.toThrow('domain: "no name at all!" is no name');
});
