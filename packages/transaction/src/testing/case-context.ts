import { randomUUID } from 'node:crypto';
import type { SqlExecutor } from '../sql-executor.js';
import { Transactions } from '../transactions.js';
import type { TransactionContractFixture } from './contract.js';

/** What one case works with: names of its own, so that cases may run in any order and at the same time. */
export class CaseContext<Handle> {
  readonly transactions: Transactions<Handle>;
  readonly outside: SqlExecutor;
  readonly poolSize: number;
  readonly callbackErrors: unknown[] = [];
  readonly #prefix = randomUUID();
  readonly #fixture: TransactionContractFixture<Handle>;

  constructor(fixture: TransactionContractFixture<Handle>, adapter = fixture.adapter) {
    this.#fixture = fixture;
    this.outside = fixture.outside;
    this.poolSize = fixture.poolSize;
    this.transactions = new Transactions({
      name: 'default',
      adapter,
      onCallbackError: (error) => this.callbackErrors.push(error),
    });
  }

  id(name: string): string {
    return `${this.#prefix}:${name}`;
  }

  /** Inserts as user code does. */
  async insert(name: string): Promise<void> {
    await this.#fixture.insert(this.transactions.current<Handle>(), this.id(name));
  }

  /** Inserts as our packages do. */
  async insertBySql(name: string): Promise<void> {
    await insertItem(this.transactions.sql(), this.id(name));
  }

  /** Names of this case that are committed. */
  committed(): Promise<string[]> {
    return this.names(this.outside);
  }

  /** Names of this case that `sql` sees. */
  async names(sql: SqlExecutor): Promise<string[]> {
    const { rows } = await sql.query<{ id: string }>(
      `select id from contract_item where id like ${placeholder(sql, 1)} order by id`,
      [this.id('%')],
    );
    return rows.map(({ id }) => id.slice(this.#prefix.length + 1));
  }
}

export async function insertItem(sql: SqlExecutor, id: string): Promise<void> {
  await sql.query(`insert into contract_item (id) values (${placeholder(sql, 1)})`, [id]);
}

const placeholder = ({ dialect }: SqlExecutor, position: number): string =>
  dialect === 'postgres' ? `$${position}` : '?';

/** A promise that the case resolves. */
export function signal(): { readonly sent: Promise<void>; readonly send: () => void } {
  let send = (): void => {};
  const sent = new Promise<void>((resolve) => (send = resolve));
  return { sent, send: () => send() };
}

/** Lets everybody go on when `count` have arrived, or rejects for everybody when one cannot come. */
export function barrier(count: number): {
  readonly arrive: () => Promise<void>;
  readonly abandon: (reason: unknown) => void;
} {
  let open = (): void => {};
  let abandon: (reason: unknown) => void = () => {};
  const opened = new Promise<void>((resolve, reject) => {
    open = resolve;
    abandon = reject;
  });
  opened.catch(() => undefined);
  let arrived = 0;
  const arrive = (): Promise<void> => {
    arrived += 1;
    if (arrived === count) open();
    return opened;
  };
  return { arrive, abandon };
}

/** The error that `promise` rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`should have been rejected, resolved with ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
}
