import 'reflect-metadata';
import { openContext } from '@acme/internal-testing';
import { Outbox, OutboxModule } from '@acme/nest-outbox';
import { TransactionModule, Transactions } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { emptyStore, noAdapter } from './support/parts.js';

// An unhandled rejection fails the run: that none is left is part of every test.
describe('what goes wrong in add() rolls its transaction back', () => {
  const opened = async () => {
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter: noAdapter }),
        OutboxModule.forRoot({
          store: emptyStore({ insert: () => new Promise((done) => setTimeout(done, 20)) }),
          relay: { mode: 'off' },
        }),
      ],
    })
    class AppModule {}
    const { app, close } = await openContext(AppModule);
    return { outbox: app.get(Outbox), transactions: app.get(Transactions), close };
  };
  const invalid = { type: 'a', payload: 1n };

  it('when it is not awaited', async () => {
    const { outbox, transactions, close } = await opened();
    let adding: Promise<void> | undefined;
    const ran = transactions.run(async () => {
      adding = outbox.add({ type: 'a', payload: 1 });
    });
    await expect(ran).rejects.toMatchObject({
      code: 'TRANSACTION_WORK_PENDING',
      message: expect.stringContaining('Outbox.add()') as string,
    });
    await expect(adding).rejects.toMatchObject({
      code: 'TRANSACTION_ENDED',
      message: expect.stringContaining('Await add() inside run().') as string,
    });
    await close();
  });

  it('when it is refused and not awaited', async () => {
    const { outbox, transactions, close } = await opened();
    const ran = transactions.run(async () => {
      void outbox.add(invalid);
      void outbox.add([invalid, invalid]);
    });
    await expect(ran).rejects.toMatchObject({
      code: expect.stringMatching(/^TRANSACTION_/) as string,
    });
    await close();
  });

  it('when it is refused and that is swallowed', async () => {
    const { outbox, transactions, close } = await opened();
    const ran = transactions.run(() => outbox.add(invalid).catch(() => {}));
    await expect(ran).rejects.toMatchObject({
      code: 'TRANSACTION_ROLLBACK_ONLY',
      cause: { code: 'OUTBOX_MESSAGE_INVALID' },
    });
    await close();
  });

  it('and is told as it is when it is awaited', async () => {
    const { outbox, transactions, close } = await opened();
    const ran = transactions.run(() => outbox.add(invalid));
    await expect(ran).rejects.toMatchObject({ code: 'OUTBOX_MESSAGE_INVALID' });
    await close();
  });
});
