import {
  TransactionEndedError,
  TransactionIsolationConflictError,
  TransactionOutcomeUnknownError,
  TransactionRequiredError,
  TransactionRollbackOnlyError,
  Transactions,
  TransactionWorkPendingError,
} from '@acme/nest-transaction';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeAdapter, type FakeHandle } from './support/fake-adapter.js';

const sqlError = (code: string): Error => Object.assign(new Error(`sql ${code}`), { code });

describe('Transactions', () => {
  let adapter: FakeAdapter;
  let onCallbackError: ReturnType<typeof vi.fn<(error: unknown) => void>>;
  let transactions: Transactions<FakeHandle>;

  beforeEach(() => {
    adapter = new FakeAdapter();
    onCallbackError = vi.fn<() => void>();
    transactions = new Transactions({ name: 'default', adapter, onCallbackError });
  });

  describe('run', () => {
    it('commits and resolves with the result', async () => {
      await expect(transactions.run(async () => 7)).resolves.toBe(7);
      expect(adapter.log).toEqual(['begin 1', 'commit 1']);
    });

    it('rolls back and rejects with the very error', async () => {
      const error = new Error('no');
      await expect(transactions.run(() => Promise.reject(error))).rejects.toBe(error);
      expect(adapter.log).toEqual(['begin 1', 'rollback 1']);
    });

    it('rejects with the error of the work although the rollback fails too', async () => {
      const error = new Error('why it was rolled back');
      adapter.rollbackError = new Error('connection lost');
      await expect(transactions.run(() => Promise.reject(error))).rejects.toBe(error);
    });

    it('treats a function that throws before it returns a promise like one that rejects', async () => {
      const error = new Error('sync');
      const run = transactions.run(() => {
        throw error;
      });
      await expect(run).rejects.toBe(error);
      expect(adapter.log).toEqual(['begin 1', 'rollback 1']);
    });

    it('joins the open transaction', async () => {
      await transactions.run(async () => {
        const outer = transactions.current();
        await transactions.run(async () => expect(transactions.current()).toBe(outer));
      });
      expect(adapter.log).toEqual(['begin 1', 'commit 1']);
    });

    it('rolls back when a joined run failed and its error was swallowed', async () => {
      const error = new Error('inner');
      const swallowed = transactions.run(async () => {
        await transactions.run(() => Promise.reject(error)).catch(() => undefined);
      });
      await expect(swallowed).rejects.toMatchObject({
        name: TransactionRollbackOnlyError.name,
        code: 'TRANSACTION_ROLLBACK_ONLY',
        cause: error,
      });
      expect(adapter.log).toEqual(['begin 1', 'rollback 1']);
    });

    it('rolls back when a joined run threw before it returned a promise, and that was swallowed', async () => {
      const cause = new Error('sync');
      const run = transactions.run(async () => {
        const joined = transactions.run(() => {
          throw cause;
        });
        await expect(joined).rejects.toBe(cause);
      });
      await expect(run).rejects.toMatchObject({ code: 'TRANSACTION_ROLLBACK_ONLY', cause });
      expect(adapter.log).toEqual(['begin 1', 'rollback 1']);
    });

    it('tells of the first joined run that failed', async () => {
      const run = transactions.run(async () => {
        for (const name of ['first', 'second'])
          await transactions.run(() => Promise.reject(new Error(name))).catch(() => {});
      });
      await expect(run).rejects.toMatchObject({ cause: { message: 'first' } });
    });

    it('commits after a refused level of isolation, for which nothing was begun', async () => {
      await transactions.run(async () => {
        const joined = transactions.run(async () => {}, { isolation: 'serializable' });
        await expect(joined).rejects.toMatchObject({ code: 'TRANSACTION_ISOLATION_CONFLICT' });
      });
      expect(adapter.log).toEqual(['begin 1', 'commit 1']);
    });

    it('waits in a joined run for whatever can be awaited', async () => {
      const query = {
        // oxlint-disable-next-line unicorn/no-thenable -- what query builders return
        then: (done: (value: number) => void) => void setImmediate(done, 7),
      };
      const run = transactions.run(() => transactions.run(() => query as never));
      await expect(run).resolves.toBe(7);
    });

    it('rolls back when a joined run was not awaited', async () => {
      let release = (): void => {};
      const blocked = new Promise<void>((resolve) => (release = resolve));
      let inner: Promise<void> | undefined;
      const run = transactions.run(async () => {
        inner = transactions.run(() => blocked);
      });
      await expect(run).rejects.toThrow(TransactionWorkPendingError);
      expect(adapter.log).toEqual(['begin 1', 'rollback 1']);
      release();
      await inner;
    });

    it('refuses a joined run that asks for another isolation level', async () => {
      const run = transactions.run(() =>
        transactions.run(async () => undefined, { isolation: 'serializable' }),
      );
      await expect(run).rejects.toThrow(TransactionIsolationConflictError);
    });

    it('joins when the same isolation level is asked for, or none', async () => {
      const isolation = 'repeatable read' as const;
      await transactions.run(
        async () => {
          await transactions.run(async () => undefined, { isolation });
          await transactions.run(async () => undefined);
          expect(transactions.current().isolation).toBe(isolation);
        },
        { isolation },
      );
    });

    it('suspends the open transaction with requiresNew', async () => {
      const outer = transactions.run(async () => {
        await transactions.run(async () => expect(transactions.current().id).toBe(2), {
          requiresNew: true,
        });
        expect(transactions.current().id).toBe(1);
        throw new Error('outer');
      });
      await expect(outer).rejects.toThrow('outer');
      expect(adapter.log).toEqual(['begin 1', 'begin 2', 'commit 2', 'rollback 1']);
    });

    it('lets the outer transaction live when a swallowed failure had its own', async () => {
      await transactions.run(async () => {
        const inner = transactions.run(() => Promise.reject(new Error('inner')), {
          requiresNew: true,
        });
        await inner.catch(() => undefined);
      });
      expect(adapter.log).toEqual(['begin 1', 'begin 2', 'rollback 2', 'commit 1']);
    });

    it('keeps two instances apart that share one adapter', async () => {
      const other = new Transactions({ name: 'other', adapter, onCallbackError });
      await transactions.run(async () => {
        expect(other.isActive).toBe(false);
        await other.run(async () => {
          expect(other.current().id).toBe(2);
          expect(transactions.current().id).toBe(1);
        });
      });
    });
  });

  describe('commit that fails', () => {
    it('names a lost connection, and calls no after-commit callback', async () => {
      const callback = vi.fn<() => void>();
      adapter.commitError = Object.assign(new Error('reset'), { code: 'EPIPE' });
      const run = transactions.run(async () => transactions.afterCommit(callback));
      await expect(run).rejects.toMatchObject({
        name: TransactionOutcomeUnknownError.name,
        code: 'TRANSACTION_OUTCOME_UNKNOWN',
        cause: adapter.commitError,
      });
      expect(callback).not.toHaveBeenCalled();
    });

    it.each(['57P01', '08006', '40003'])('counts SQLSTATE %s as not known', async (code) => {
      adapter.commitError = sqlError(code);
      await expect(transactions.run(async () => 1)).rejects.toThrow(TransactionOutcomeUnknownError);
    });

    it('passes on what the database said when it refused', async () => {
      adapter.commitError = sqlError('23505');
      await expect(transactions.run(async () => 1)).rejects.toBe(adapter.commitError);
    });
  });

  describe('retrySerialization', () => {
    it('repeats while the caller allows it', async () => {
      let runs = 0;
      const work = async (): Promise<string> => {
        runs += 1;
        if (runs < 3) throw sqlError('40001');
        return 'done';
      };
      const retrySerialization = { attempts: 5, while: () => true };
      await expect(transactions.run(work, { retrySerialization })).resolves.toBe('done');
      expect(adapter.log.filter((line) => line.startsWith('begin'))).toHaveLength(3);
    });

    it('repeats what MariaDB undid because its snapshot was outdated', async () => {
      const outdated = Object.assign(new Error('Record has changed since last read'), {
        code: 'ER_CHECKREAD',
        errno: 1020,
        sqlState: 'HY000',
      });
      const wrapped = new Error('Failed query', { cause: outdated });
      const work = vi.fn<() => Promise<string>>(async () => 'done');
      work.mockRejectedValueOnce(outdated).mockRejectedValueOnce(wrapped);
      const retrySerialization = { attempts: 3, while: () => true };
      await expect(transactions.run(work, { retrySerialization })).resolves.toBe('done');
    });

    it.each([
      ['the attempts are used up', sqlError('40P01'), 2, () => true, 2],
      ['the caller says that more has run', sqlError('40001'), 5, () => false, 1],
      ['it was another error', sqlError('23505'), 5, () => true, 1],
    ])('stops when %s', async (_, error, attempts, allowed, runs) => {
      const work = vi.fn<() => Promise<never>>(() => Promise.reject(error));
      const retrySerialization = { attempts, while: allowed };
      await expect(transactions.run(work, { retrySerialization })).rejects.toBe(error);
      expect(work).toHaveBeenCalledTimes(runs);
    });

    it('never repeats a joined run', async () => {
      const work = vi.fn<() => Promise<never>>(() => Promise.reject(sqlError('40001')));
      const retrySerialization = { attempts: 5, while: () => true };
      const outer = transactions.run(() => transactions.run(work, { retrySerialization }));
      await expect(outer).rejects.toMatchObject({ code: '40001' });
      expect(work).toHaveBeenCalledTimes(1);
    });

    it('starts each attempt with a clean transaction', async () => {
      const callback = vi.fn<() => void>();
      let runs = 0;
      await transactions.run(
        async () => {
          expect(transactions.touched).toBe(false);
          transactions.current();
          transactions.afterCommit(callback);
          if ((runs += 1) === 1) throw sqlError('40001');
        },
        { retrySerialization: { attempts: 2, while: () => true } },
      );
      expect(callback).toHaveBeenCalledTimes(1);
    });
  });

  describe('afterCommit', () => {
    it('calls back in order, after the commit, outside the transaction', async () => {
      await transactions.run(async () => {
        transactions.afterCommit(async () => {
          await Promise.resolve();
          adapter.log.push(`first, active: ${transactions.isActive}`);
        });
        await transactions.run(async () =>
          transactions.afterCommit(() => void adapter.log.push('second')),
        );
      });
      expect(adapter.log).toEqual(['begin 1', 'commit 1', 'first, active: false', 'second']);
    });

    it('is outside every transaction although an outer one is suspended', async () => {
      const active: boolean[] = [];
      await transactions.run(() =>
        transactions.run(
          async () => transactions.afterCommit(() => void active.push(transactions.isActive)),
          { requiresNew: true },
        ),
      );
      expect(active).toEqual([false]);
    });

    it('is dropped on rollback', async () => {
      const callback = vi.fn<() => void>();
      const run = transactions.run(async () => {
        transactions.afterCommit(callback);
        throw new Error('no');
      });
      await expect(run).rejects.toThrow('no');
      expect(callback).not.toHaveBeenCalled();
    });

    it('waits for a callback before it calls the next, and resolves after the last', async () => {
      await transactions.run(async () => {
        for (const name of ['first', 'second', 'third'])
          transactions.afterCommit(async () => {
            adapter.log.push(`${name} begins`);
            await new Promise(setImmediate);
            adapter.log.push(`${name} ends`);
          });
      });
      expect(adapter.log.slice(2)).toEqual(
        ['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]),
      );
    });

    it('reports a failing callback and goes on', async () => {
      const error = new Error('hint lost');
      const next = vi.fn<() => void>();
      await transactions.run(async () => {
        transactions.afterCommit(() => Promise.reject(error));
        transactions.afterCommit(next);
      });
      expect(onCallbackError).toHaveBeenCalledExactlyOnceWith(error);
      expect(next).toHaveBeenCalledOnce();
    });

    it('reports each that fails, at once or later, and is outside the transaction to the last', async () => {
      const active: boolean[] = [];
      const failing = (name: string) => () => {
        active.push(transactions.isActive);
        throw new Error(name);
      };
      const failingLater = (name: string) => async () => failing(name)();
      const value = await transactions.run(async () => {
        transactions.afterCommit(failing('1'));
        transactions.afterCommit(failingLater('2'));
        transactions.afterCommit(failing('3'));
        transactions.afterCommit(failingLater('4'));
        return 'committed';
      });
      expect(value).toBe('committed');
      expect(onCallbackError.mock.calls.map(([error]) => String(error))).toEqual(
        ['1', '2', '3', '4'].map((name) => `Error: ${name}`),
      );
      expect(active).toEqual([false, false, false, false]);
    });
  });

  describe('outside a transaction', () => {
    it.each(['current', 'sql'] as const)('%s() gives a named error', (member) => {
      expect(() => transactions[member]()).toThrow(TransactionRequiredError);
    });

    it('afterCommit() gives a named error', () => {
      expect(() => transactions.afterCommit(() => undefined)).toThrow(TransactionRequiredError);
    });

    it('says that nothing is active', () => {
      expect(transactions.isActive).toBe(false);
      expect(transactions.touched).toBeUndefined();
    });
  });

  it('refuses work that goes on after the end of its transaction', async () => {
    let finish = (): void => {};
    const ended = new Promise<void>((resolve) => (finish = resolve));
    let late: Promise<unknown>[] = [];
    await transactions.run(async () => {
      const afterEnd = async (use: () => unknown): Promise<unknown> => {
        await ended;
        return use();
      };
      late = [
        afterEnd(() => transactions.current()),
        afterEnd(() => transactions.sql()),
        afterEnd(() => transactions.currentOr({ id: 0, isolation: undefined })),
        afterEnd(() => transactions.afterCommit(() => undefined)),
      ];
      await Promise.resolve();
    });
    finish();
    for (const use of late) await expect(use).rejects.toThrow(TransactionEndedError);
  });

  it('opens a transaction of its own for a run() that starts after the end', async () => {
    let finish = (): void => {};
    const ended = new Promise<void>((resolve) => (finish = resolve));
    let late: Promise<number> | undefined;
    await transactions.run(async () => {
      late = ended.then(() => transactions.run(async () => transactions.current().id));
    });
    finish();
    await expect(late).resolves.toBe(2);
  });

  it('knows whether user code was given the handle', async () => {
    await transactions.run(async () => {
      await transactions.sql().query('select 1');
      expect(transactions.touched).toBe(false);
      transactions.current();
      expect(transactions.touched).toBe(true);
    });
  });
});
