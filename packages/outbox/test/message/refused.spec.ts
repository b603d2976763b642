import 'reflect-metadata';
import { openContext } from '@acme/internal-testing';
import { Outbox, OutboxModule } from '@acme/nest-outbox';
import { TransactionModule, Transactions } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { expect, it, vi } from 'vitest';
import { emptyStore, noAdapter } from '../support/parts.js';

it.each([
  [{ keyy: 'k' }, 'keyy: there is no such field. Known are type, payload, '],
  [{ delay: 'soon' }, 'delay: "soon" is not a duration. Give milliseconds, or '],
  [{ availableAt: 'tomorrow' }, 'availableAt: "tomorrow" is not a time. Give a Date or '],
  [{ delay: '1s', availableAt: 1 }, 'availableAt and delay: give one of them.'],
  [{ headers: { h: 'a\0b' } }, 'not a string with a NUL character.'],
  [{ payload: undefined }, 'payload: undefined has no JSON. Give a value that JSON has, or bytes.'],
])('a message with %o is refused, and the error says what to do', async (more, problem) => {
  const insert = vi.fn<() => Promise<void>>(async () => {});
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter: noAdapter }),
      OutboxModule.forRoot({ store: emptyStore({ insert }), relay: { mode: 'off' } }),
    ],
  })
  class AppModule {}
  const { app, close } = await openContext(AppModule);
  const message = { type: 'a.v1', payload: 1, ...(more as object) };
  await expect(
    app.get(Transactions).run(() => app.get(Outbox).add([{ type: 'b.v1', payload: 1 }, message])),
  ).rejects.toMatchObject({
    code: 'OUTBOX_MESSAGE_INVALID',
    message: expect.stringMatching(/^Nothing was written, .*\n- message 1: /) as string,
    problems: [expect.stringContaining(problem)],
  });
  const misspelt = { txx: {} } as object;
  await expect(
    app.get(Transactions).run(() => app.get(Outbox).add({ type: 'a.v1', payload: 1 }, misspelt)),
  ).rejects.toThrow('options.txx: there is no such option. Known is tx.');
  expect(insert).not.toHaveBeenCalled();
  await close();
});
