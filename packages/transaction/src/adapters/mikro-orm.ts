import { hasMethods, type KnownHandle } from '../known-handle.js';
import type { TransactionAdapter, TransactionOptions } from '../transaction-adapter.js';
import { TransactionUnsupportedError } from '../transaction.errors.js';
import { knexHandle, type KnexQueryableLike } from './knex.js';

/** The part of a MikroORM `EntityManager` that is used. */
export interface MikroOrmEntityManagerLike {
  isInTransaction(): boolean;
  getTransactionContext(): unknown;
  getContext(validate?: boolean): unknown;
  flush(): Promise<void>;
  fork(): MikroOrmEntityManagerLike;
  transactional(work: never, options: never): Promise<unknown>;
}

/**
 * Transactions through MikroORM 6, on PostgreSQL. MikroORM passes its transaction on by itself: inside `run`, the
 * injected `EntityManager` and the repositories take part without further ado, and what is persisted is flushed before
 * the commit. `transactions.current<EntityManager>()` gives the forked manager. A transaction that was opened by
 * `em.transactional()` or `@Transactional()` is joined.
 */
export function fromMikroOrm<Em extends MikroOrmEntityManagerLike>(
  orm: Em | { readonly em: Em },
): TransactionAdapter<Em> {
  const root = 'em' in orm ? orm.em : orm;
  return {
    library: 'MikroORM',
    dialect: 'postgres',
    transaction: async <R>(work: (em: Em) => Promise<R>, { isolation }: TransactionOptions) => {
      // A fork knows nothing of the open transaction, so that this one is independent of it.
      const em = root.isInTransaction() ? root.fork() : root;
      const options = isolation ? { isolationLevel: isolation } : {};
      return (await em.transactional(work as never, options as never)) as R;
    },
    beforeCommit: async (em) => {
      await em.flush();
      await mikroOrmHandle.assertOpen(em);
    },
    sql: mikroOrmHandle.executor,
    ambient: () => (isOpen(root) ? (root.getContext(false) as Em) : undefined),
  };
}

export const mikroOrmHandle: KnownHandle<MikroOrmEntityManagerLike> = {
  accepts: 'a MikroORM EntityManager of an SQL driver',
  recognise: (handle) => hasMethods(handle, 'isInTransaction', 'getTransactionContext', 'persist'),
  inTransaction: isOpen,
  executor: (em) => knexHandle.executor(knexOf(em)),
  assertOpen: (em) => knexHandle.assertOpen(knexOf(em)),
};

/** MikroORM keeps the ended transaction in the context of late work, so the transaction itself is asked. */
function isOpen(em: MikroOrmEntityManagerLike): boolean {
  return em.isInTransaction() && knexHandle.inTransaction(knexOf(em)) === true;
}

/** MikroORM 6 stands on Knex: its transaction context is a Knex transaction. */
function knexOf(em: MikroOrmEntityManagerLike): KnexQueryableLike {
  const knex = em.getTransactionContext() ?? (em as { getKnex?(): unknown }).getKnex?.();
  if (knex) return knex as KnexQueryableLike;
  throw new TransactionUnsupportedError(
    'This MikroORM driver does not stand on Knex: MikroORM 6 with an SQL driver is supported.',
  );
}
