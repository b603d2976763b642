// The store of a child process, on whatever database the address is of.
import { MariaDbOutboxStore, PostgresOutboxStore } from '@acme/nest-outbox';
import mysql2 from 'mysql2/promise';
import pg from 'pg';

export function storeAt(url) {
  const pool = url.startsWith('mysql:')
    ? mysql2.createPool(url)
    : new pg.Pool({ connectionString: url, allowExitOnIdle: true }).on('error', () => {});
  const Store = url.startsWith('mysql:') ? MariaDbOutboxStore : PostgresOutboxStore;
  return { pool, store: new Store({ database: pool }) };
}
