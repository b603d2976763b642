import { hasMethods, type KnownHandle } from '../known-handle.js';
import { toParams } from '../sql-params.js';
import type { TransactionAdapter } from '../transaction-adapter.js';
import { TransactionUnsupportedError } from '../transaction.errors.js';
import { probePostgres } from './pg.js';

/** The part of a Prisma client, or of the client of an interactive transaction, that is used. */
export interface PrismaQueryableLike {
  $queryRawUnsafe<R>(sql: string, ...params: never[]): PromiseLike<R>;
  $executeRawUnsafe(sql: string, ...params: never[]): PromiseLike<number>;
}

/** Options of Prisma's interactive transactions that have nothing to do with isolation. */
export interface PrismaTransactionLimits {
  /** How long a transaction may wait for a connection, in milliseconds. @default Prisma's, 2000 */
  readonly maxWait?: number;
  /** How long a transaction may last before Prisma rolls it back, in milliseconds. @default Prisma's, 5000 */
  readonly timeout?: number;
}

/** The part of a Prisma client that is used. */
export interface PrismaClientLike<Tx extends PrismaQueryableLike> {
  $transaction<R>(
    work: (tx: Tx) => Promise<R>,
    options?: PrismaTransactionLimits & { isolationLevel?: never },
  ): Promise<R>;
}

/**
 * Transactions through Prisma, on PostgreSQL. User code reaches the client of the interactive transaction with
 * `transactions.current<Prisma.TransactionClient>()`, or injects `transactionAware(transactions, prisma)` and writes
 * `prisma.order.create(…)` as ever. Prisma ends a transaction after 5 seconds unless `limits.timeout` says otherwise.
 */
export function fromPrisma<Tx extends PrismaQueryableLike = PrismaQueryableLike>(
  client: PrismaClientLike<Tx>,
  limits: PrismaTransactionLimits = {},
): TransactionAdapter<Tx> {
  assertPostgres(client);
  return {
    library: 'Prisma',
    dialect: 'postgres',
    transaction: (work, { isolation }) =>
      client.$transaction(work, {
        ...limits,
        ...(isolation && { isolationLevel: toPascalCase(isolation) as never }),
      }),
    beforeCommit: prismaHandle.assertOpen,
    sql: prismaHandle.executor,
  };
}

export const prismaHandle: KnownHandle<PrismaQueryableLike> = {
  accepts: 'a Prisma client or the client of an interactive transaction',
  recognise: (handle) => hasMethods(handle, '$queryRawUnsafe', '$executeRawUnsafe'),
  inTransaction: (handle) => !hasMethods(handle, '$connect') && (() => isOpen(handle)),
  executor: (handle) => {
    assertPostgres(handle);
    return {
      dialect: 'postgres',
      query: async <Row>(sql: string, params?: readonly unknown[]) => {
        const values = toParams(params, 'postgres') as never[];
        if (!returnsRows(sql)) {
          return { rows: [], rowCount: await handle.$executeRawUnsafe(sql, ...values) };
        }
        const rows = await handle.$queryRawUnsafe<Row[]>(sql, ...values);
        return { rows, rowCount: rows.length };
      },
    };
  },
  assertOpen: (handle) => probePostgres('Prisma', async (sql) => handle.$queryRawUnsafe(sql)),
};

/** "Transaction already closed", among others: only an attempt tells. */
const TRANSACTION_API_ERROR = 'P2028';

async function isOpen(handle: PrismaQueryableLike): Promise<boolean> {
  try {
    await handle.$queryRawUnsafe('select 1');
    return true;
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code === TRANSACTION_API_ERROR) return false;
    throw error;
  }
}

/**
 * Prisma has one method that gives rows and another that gives a count, so the text must tell. A `with` that changes
 * data and has no `returning` counts as one that gives rows: its `rowCount` is 0.
 */
function returnsRows(sql: string): boolean {
  return /^\s*(?:select|with|values|table|show|explain)\b|\breturning\b/i.test(sql);
}

const toPascalCase = (words: string): string =>
  words.replace(/(?:^| )(\w)/g, (_, letter: string) => letter.toUpperCase());

function assertPostgres(client: object): void {
  const { _activeProvider: provider } = client as { _activeProvider?: string };
  if (provider === undefined || /postgres|cockroach/.test(provider)) return;
  throw new TransactionUnsupportedError(
    `Prisma on "${provider}" is not supported: use PostgreSQL, or another library for MySQL.`,
  );
}
