// What the guide shows works.
import { openContext } from '@acme/internal-testing';
import { MessageContextModule } from '@acme/nest-message-context';
import {
  GrpcErrorsModule,
  InjectGrpcService,
  ValidationFailedError,
  type GrpcService,
} from '@acme/nest-grpc-errors';
import { Injectable, Module } from '@nestjs/common';
import { Metadata, status as Status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { clients, OrderNotFoundError } from './support/client-example.js';
import {
  localized,
  mapped,
  PaymentError,
  PaymentErrors,
  pipe,
  RowLockedError,
} from './support/mapping-example.js';
import { openProbe, type Message } from './support/probe-app.js';

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

it('gives the class back', async () => {
  const server = await openProbe({
    handle: () => {
      throw new OrderNotFoundError('7');
    },
  });
  @Injectable()
  class Caller {
    constructor(
      @InjectGrpcService('probe.v1.Probe')
      readonly probe: GrpcService<{ unary(message: Message): Promise<Message> }>,
    ) {}
  }
  @Module({ imports: [MessageContextModule.forRoot(), clients(server.url)], providers: [Caller] })
  class CallerModule {}
  const { app, close } = await openContext(CallerModule);
  await expect(app.get(Caller).probe.unary({ id: 'a' })).rejects.toBeInstanceOf(OrderNotFoundError);
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
