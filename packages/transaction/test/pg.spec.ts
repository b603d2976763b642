import { fromPg, type PgPoolClientLike, TransactionAbortedError } from '@acme/nest-transaction';
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';

/** A client whose answers come in the order and at the moment that the test says. */
function fakeClient(state: Partial<PgPoolClientLike>, failing: string[] = []) {
  const log: string[] = [];
  const released: unknown[] = [];
  const client: PgPoolClientLike = {
    query: async (text) => {
      log.push(text);
      if (failing.includes(text)) throw Object.assign(new Error(text), { code: '25P02' });
      return { rows: [], rowCount: 0, command: text.toUpperCase() };
    },
    release: (error) => void released.push(error),
    on: () => undefined,
    off: () => undefined,
    ...state,
  };
  const adapter = fromPg({ connect: async () => client });
  const run = () =>
    adapter.transaction(async (handle) => adapter.beforeCommit?.(handle), { isolation: undefined });
  return { adapter, log, released, run };
}

describe('fromPg', () => {
  it('asks the client, and not the server, whether the transaction is still open', async () => {
    const { log, run } = fakeClient({ readyForQuery: true, getTransactionStatus: () => 'T' });
    await run();
    expect(log).toEqual(['begin', 'commit']);
  });

  it('asks the server while the answer to a failed statement is incomplete', async () => {
    // regression: pg rejects before it knows the new state, which is 'E'.
    const stale = { readyForQuery: false, getTransactionStatus: () => 'T' as const };
    const { log, run } = fakeClient(stale, ['select 1']);
    await expect(run()).rejects.toThrow(TransactionAbortedError);
    expect(log).toEqual(['begin', 'select 1', 'rollback']);
  });

  it('asks the server where the client cannot tell', async () => {
    const { log, run } = fakeClient({});
    await run();
    expect(log).toEqual(['begin', 'select 1', 'commit']);
  });

  it('sends an opening statement together with the begin, and gives away what it has answered', async () => {
    const texts: string[] = [];
    const { adapter } = fakeClient({
      readyForQuery: true,
      getTransactionStatus: () => 'T',
      query: (async (text: string) => {
        texts.push(text);
        const answer = { rows: [{ one: 1 }], rowCount: 1, command: 'SELECT' };
        return text.includes(';') ? [{ ...answer, command: 'BEGIN' }, answer] : answer;
      }) as PgPoolClientLike['query'],
    });
    const options = { isolation: 'serializable', opening: 'select 1 as one' } as const;
    const opened = await adapter.transaction(async (_, answer) => answer, options);
    expect(opened).toEqual({ rows: [{ one: 1 }], rowCount: 1 });
    expect(texts).toEqual(['begin isolation level serializable; select 1 as one', 'commit']);
  });

  it('undoes an opening statement where the client does not tell its answer, and sends no other', async () => {
    const { adapter, log } = fakeClient({});
    const run = () => adapter.transaction(async (_, answer) => answer, { opening: 'select 1' });
    expect([await run(), await run()]).toEqual([undefined, undefined]);
    const first = ['begin; select 1', 'rollback', 'begin', 'commit'];
    expect(log).toEqual([...first, 'begin', 'commit']);
  });

  it('lets no idle connection that dies end the process', () => {
    const pool = Object.assign(new EventEmitter(), { connect: () => Promise.reject(new Error()) });
    fromPg(pool);
    expect(() => pool.emit('error', new Error('terminating connection'))).not.toThrow();
    fromPg(pool);
    expect(pool.listenerCount('error')).toBe(1);
  });

  it('throws away a connection that could not roll back', async () => {
    const status = { readyForQuery: true, getTransactionStatus: () => 'E' as const };
    const { released, run } = fakeClient(status, ['rollback']);
    await expect(run()).rejects.toThrow(TransactionAbortedError);
    expect(released).toEqual([expect.objectContaining({ message: 'rollback' })]);
  });
});
