import { openMariaDb, openPostgres, type DriversLike } from '@acme/nest-transaction/cli';
import { expect, it } from 'vitest';

it('databases are pools of one connection, opened with a driver of the project', async () => {
  const opened: object[] = [];
  const closing = { end: async () => void opened.push({ ended: true }) };
  class Pool {
    on = () => {};
    end = closing.end;
    constructor(options: object) {
      opened.push(options);
    }
  }
  const having =
    (name: string, exports: object): DriversLike =>
    () => ({ name, exports });
  const createPool = (options: object) => {
    opened.push(options);
    return { ...closing, promise: () => closing };
  };
  await openPostgres('postgres://h/db', having('pg', { Pool }), 'tool').close();
  const url = 'mariadb://ann:s%40t@h/my%20db';
  const settings = { host: 'h', port: 3306, user: 'ann', password: 's@t', database: 'my db' };
  for (const name of ['mysql2', 'mariadb'])
    await openMariaDb(url, having(name, { createPool })).close();
  expect(opened).toMatchObject([
    { connectionString: 'postgres://h/db', max: 1, application_name: 'tool' },
    { ended: true },
    { ...settings, connectionLimit: 1 },
    { ended: true },
    settings,
    { ended: true },
  ]);
});
