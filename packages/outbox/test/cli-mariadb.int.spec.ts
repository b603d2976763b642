import { testBroker } from '@acme/internal-testing';
import { expect, it } from 'vitest';
import { cli, cliJson } from './support/cli.js';
import { openOutboxApp, outboxRows } from './support/outbox-app.js';
import { onMariaDb } from './support/outbox-database.js';

it('the command line works on MariaDB: makes the tables, tells what is in them, and brings parked messages back', async () => {
  const [database, broker] = await Promise.all([onMariaDb(), testBroker()]);
  const here = ['--url', database.url];
  await expect(cliJson(['migrate', ...here, '--lanes', '4'])).resolves.toMatchObject({
    exit: 0,
    answer: { store: 'MariaDB', lanes: 4 },
  });
  const { outbox, transactions, relay, close } = await openOutboxApp(database, broker, {
    relay: { mode: 'off' },
    retry: { attempts: 1 },
  });
  await transactions.run(() =>
    outbox.add({ type: 'nowhere.v1', payload: 1, routingKey: broker.name('nowhere') }),
  );
  await relay.runOnce();
  await close();
  await expect(cliJson(['status', ...here])).resolves.toMatchObject({
    exit: 0,
    answer: { outbox: { parked: 1 } },
  });
  const { stdout } = await cli(['parked', ...here]);
  expect(stdout).toContain('UNROUTABLE');
  await expect(cliJson(['redrive', ...here])).resolves.toMatchObject({ exit: 0 });
  await expect(outboxRows(database)).resolves.toEqual({ pending: 0, waiting: 1, parked: 0 });

  const script = await cli(['sql', '--dialect', 'mariadb']);
  const { answer } = await cliJson(['sql', '--dialect', 'mariadb']);
  const { sql } = answer as { sql: string };
  // As the client cuts it: its delimiter stands alone, and nowhere in the statement.
  expect(script.stdout.trimEnd()).toBe(`delimiter //\n${sql}\n//\ndelimiter ;`);
  expect(sql).not.toContain('//');
  await database.query(sql);
});
