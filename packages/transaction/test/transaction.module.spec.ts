import 'reflect-metadata';
import {
  getTransactionsToken,
  InjectTransactions,
  TransactionConfigurationError,
  TransactionModule,
  Transactions,
  type TransactionAdapter,
} from '@acme/nest-transaction';
import { Inject, Injectable, Logger, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it, vi } from 'vitest';
import { FakeAdapter } from './support/fake-adapter.js';

@Injectable()
class Ledger {
  constructor(
    @Inject(Transactions) readonly orders: Transactions,
    @InjectTransactions('reporting') readonly reporting: Transactions,
  ) {}
}

@Module({ providers: [Ledger] })
class LedgerModule {}

const boot = (...imports: object[]) =>
  Test.createTestingModule({ imports: imports as never }).compile();

describe('TransactionModule', () => {
  it('provides several databases side by side, to every module', async () => {
    const app = await boot(
      TransactionModule.forRoot({ adapter: new FakeAdapter() }),
      TransactionModule.forRootAsync({
        name: 'reporting',
        inject: [],
        useFactory: () => ({ adapter: new FakeAdapter() }),
      }),
      LedgerModule,
    );
    await app.init();
    const { orders, reporting } = app.get(Ledger, { strict: false });
    expect(orders.name).toBe('default');
    expect(reporting.name).toBe('reporting');
    await orders.run(async () => {
      expect(orders.isActive).toBe(true);
      expect(reporting.isActive).toBe(false);
    });
    await app.close();
  });

  it('keeps two apps in one process apart', async () => {
    const adapter = new FakeAdapter();
    const [one, two] = await Promise.all([
      boot(TransactionModule.forRoot({ adapter })),
      boot(TransactionModule.forRoot({ adapter })),
    ]);
    await one.get(Transactions).run(async () => {
      expect(two.get(Transactions).isActive).toBe(false);
    });
    await Promise.all([one.close(), two.close()]);
  });

  it('may be imported in several places', async () => {
    const module = TransactionModule.forRoot({ adapter: new FakeAdapter(), isGlobal: false });
    @Module({ imports: [module] })
    class One {}
    @Module({ imports: [module] })
    class Two {}
    const app = await boot(One, Two);
    await expect(app.init()).resolves.toBe(app);
    await app.close();
  });

  it('names the module that is missing', async () => {
    const boots = boot(TransactionModule.forRoot({ adapter: new FakeAdapter() }), LedgerModule);
    await expect(boots).rejects.toThrow("TransactionModule.forRoot({ name: 'reporting' })");
  });

  it('refuses two modules of one name', async () => {
    const app = await boot(
      TransactionModule.forRoot({ adapter: new FakeAdapter(), name: 'orders' }),
      TransactionModule.forRoot({ adapter: new FakeAdapter(), name: 'orders' }),
    );
    await expect(app.init()).rejects.toThrow('name: "orders" is used by 2 TransactionModules');
  });

  it.each([
    ['nothing', undefined, 'adapter: missing'],
    ['a pool', { connect: () => undefined }, 'adapter: a Object object is not an adapter'],
    ['a string', 'postgres://', 'adapter: "postgres://" is not an adapter'],
  ])('refuses %s as the adapter', async (_, adapter, problem) => {
    const boots = boot(
      TransactionModule.forRoot({ adapter: adapter as never as TransactionAdapter }),
    );
    await expect(boots).rejects.toThrow(problem);
  });

  it('lists every problem at once', async () => {
    const boots = boot(TransactionModule.forRoot({ adapter: 1 as never, name: ' ' }));
    await expect(boots).rejects.toMatchObject({
      name: TransactionConfigurationError.name,
      code: 'TRANSACTION_CONFIGURATION',
      problems: [expect.stringContaining('name:'), expect.stringContaining('adapter:')],
    });
  });

  it('refuses options that do not exist, and says where name belongs', async () => {
    const useFactory = () => ({ adapter: new FakeAdapter(), name: 'orders' });
    await expect(boot(TransactionModule.forRootAsync({ useFactory }))).rejects.toThrow(
      /name: there is no such option\. There is adapter; name and isGlobal are given .* beside useFactory/,
    );
  });

  it('logs a failing after-commit callback', async () => {
    const log = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const app = await boot(TransactionModule.forRoot({ adapter: new FakeAdapter() }));
    const transactions = app.get(Transactions);
    const error = new Error('hint lost');
    await transactions.run(async () => transactions.afterCommit(() => Promise.reject(error)));
    expect(log).toHaveBeenCalledWith(expect.stringContaining('afterCommit'), error);
    log.mockRestore();
    await app.close();
  });

  it('gives the class as the default token', () => {
    expect(getTransactionsToken()).toBe(Transactions);
    expect(getTransactionsToken('default')).toBe(Transactions);
  });
});
