import 'reflect-metadata';
import { testMariaDatabase, waitFor, type TestMariaDatabase } from '@acme/internal-testing';
import { createPool, type Pool, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Gate } from './support/ledger.js';
import { openProcess, tapped, type Process, type Tap } from './support/maria.js';

const ISOLATIONS = ['read committed', 'repeatable read', 'serializable'] as const;
const PROCESSES = 20;

const DEADLOCK = 1213;
const OUTDATED = 1020;

describe.each(['off', 'on'])(
  'MariaDB, transaction mode, innodb_snapshot_isolation %s',
  (snapshots) => {
    let database: TestMariaDatabase;
    let pool: Pool;
    let processes: Process[];
    let one: Process;
    let tap: Tap;
    let last = 0;
    let key: string;

    beforeAll(async () => {
      database = await testMariaDatabase();
      await database.pool.query(
        'create table charges (id serial primary key, order_id varchar(64) not null, key (order_id))',
      );
      await database.pool.query('create table pair (id int primary key, n int not null)');
      await database.pool.query('insert into pair values (1, 0), (2, 0)');
      pool = createPool({ uri: database.url, connectionLimit: PROCESSES + 5 });
      pool.pool.on('connection', (connection) => {
        connection.query(`set session innodb_snapshot_isolation = ${snapshots}`);
      });
      tap = { statements: [], errors: [] };
      const common = tapped(pool, tap);
      one = await openProcess(common, { migrate: true });
      const others = Array.from({ length: PROCESSES - 1 }, () => openProcess(common));
      processes = [one, ...(await Promise.all(others))];
    });
    afterAll(() => pool.end());

    beforeEach(() => {
      tap.statements.length = tap.errors.length = 0;
      tap.after = undefined;
      key = `order-${(last += 1)}`;
    });

    const charges = async (order = key): Promise<number> => {
      const [rows] = await database.pool.query<RowDataPacket[]>(
        'select 1 from charges where order_id = ?',
        [order],
      );
      return rows.length;
    };
    const expired = (name: string): Promise<unknown> =>
      waitFor(async () => {
        const [rows] = await database.pool.query<RowDataPacket[]>(
          'select max(created_at) <= utc_timestamp(6) - interval 1000 microsecond as past from idempotency_records where name = ?',
          [name],
        );
        return Number(rows[0]!['past']) === 1;
      });
    // Without those of a claim whose fence was overtaken on the way, as it may be on a busy machine.
    const ours = (): string[] =>
      tap.statements.filter(
        (sql) => sql.includes('`idempotency_records`') && !/set fence|^select cast.fence/.test(sql),
      );
    const charge = (process: Process, value: unknown = 'reply') =>
      process.service.run(key, () => process.charge(key).then(() => value), { name: 'charge' });

    it('has one effect, and gives the duplicates of other processes the stored reply', async () => {
      const reply = { text: 'ü "€" \\ 😀', at: new Date(0) };
      expect(await charge(one, reply)).toEqual(reply);
      expect(ours()).toHaveLength(2);
      tap.statements.length = 0;
      expect(await charge(processes[1]!, 'other')).toEqual(reply);
      expect(ours()).toHaveLength(2);
      expect(await charges()).toBe(1);
    });

    it('adds one statement where there is no reply', async () => {
      await charge(one, null);
      tap.statements.length = 0;
      key += '-b';
      await one.service.run(key, () => one.charge(key), { name: 'charge' });
      expect(ours()).toHaveLength(1);
    });

    it('leaves nothing behind when the function throws, and runs the next attempt', async () => {
      const failing = one.service.run(
        key,
        async () => {
          await one.charge(key);
          throw new RangeError('after the effect');
        },
        { name: 'charge' },
      );
      await expect(failing).rejects.toThrow(RangeError);
      expect(await charges()).toBe(0);
      expect(await charge(processes[1]!)).toBe('reply');
      expect(await charges()).toBe(1);
    });

    it('refuses a function that never used its transaction', async () => {
      const unused = () => one.service.run(key, async () => 1, { name: 'unused' });
      await expect(unused()).rejects.toMatchObject({ code: 'TRANSACTION_UNUSED' });
      await expect(unused()).rejects.toMatchObject({ code: 'TRANSACTION_UNUSED' });
    });

    it.each(ISOLATIONS)(
      'lets one of twenty processes run, and refuses the others at once, %s',
      async (isolation) => {
        const gate = new Gate();
        let runs = 0;
        const settled = { refused: 0, slowest: 0 };
        const call = async (process: Process, waitTimeout: number | '5s') => {
          const began = performance.now();
          const work = async (): Promise<string> => {
            runs += 1;
            await process.charge(key);
            await gate.passed;
            return 'once';
          };
          try {
            return await process.service.run(key, work, { name: 'many', isolation, waitTimeout });
          } catch (error) {
            settled.refused += 1;
            settled.slowest = Math.max(settled.slowest, performance.now() - began);
            throw error;
          }
        };
        const all = Promise.allSettled(processes.map((process) => call(process, 0)));
        await waitFor(() => settled.refused === PROCESSES - 1);
        gate.open();
        const refusals = (await all).filter(({ status }) => status === 'rejected');
        for (const { reason } of refusals as PromiseRejectedResult[])
          expect(reason).toMatchObject({ code: 'IDEMPOTENCY_KEY_IN_USE' });
        // No connection waits for the transaction; this leaves room for a busy machine.
        expect(settled.slowest).toBeLessThan(900);
        const replies = await Promise.all(processes.map((process) => call(process, '5s')));
        expect(new Set(replies)).toEqual(new Set(['once']));
        expect([runs, await charges()]).toEqual([1, 1]);
      },
    );

    it.each(ISOLATIONS)(
      'gives the key of one that fails to one of those that wait, %s',
      async (isolation) => {
        let runs = 0;
        const waiting = new Set<Process>();
        const call = (process: Process) => {
          const work = async (): Promise<number> => {
            runs += 1;
            await process.charge(key);
            if (runs > 1) return runs;
            await waitFor(() => waiting.size === PROCESSES - 1);
            throw new RangeError('the first fails');
          };
          return process.service.run(key, work, {
            name: 'takeover',
            isolation,
            waitTimeout: '10s',
          });
        };
        const first = call(one);
        await waitFor(() => runs === 1);
        const others = Promise.all(
          processes.slice(1).map((process) => {
            waiting.add(process);
            return call(process);
          }),
        );
        await expect(first).rejects.toThrow(RangeError);
        expect(new Set(await others)).toEqual(new Set([2]));
        expect(await charges()).toBe(1);
      },
    );

    it.each(ISOLATIONS)('gives an expired key to one of twenty, %s', async (isolation) => {
      const short = { name: 'expiring', isolation, ttl: '1ms' } as const;
      await one.service.run(key, () => one.charge(`${key} once`), short);
      await expired('expiring');
      const again = await Promise.all(
        processes.map((process, number) => {
          const work = () => process.charge(key).then(() => number);
          return process.service.run(key, work, {
            name: 'expiring',
            isolation,
            waitTimeout: '10s',
          });
        }),
      );
      expect(new Set(again).size).toBe(1);
      expect(await charges()).toBe(1);
    });

    it('begins a claim anew that the database gave up in a deadlock', async () => {
      const short = { name: 'deadlock', ttl: '1ms' } as const;
      await one.service.run(key, () => one.charge(`${key} once`), short);
      await expired('deadlock');
      // Both have found it expired, and hold the lock that keeps the other one from taking it.
      let lookups = 0;
      const both = new Gate();
      tap.after = (sql) => {
        if (!sql.includes('lock in share mode')) return undefined;
        if ((lookups += 1) === 2) both.open();
        return both.passed;
      };
      tap.errors.length = 0;
      let runs = 0;
      const call = (process: Process) =>
        process.service.run(key, () => process.charge(key).then(() => (runs += 1)), {
          name: 'deadlock',
          waitTimeout: '10s',
        });
      expect(await Promise.all([call(one), call(processes[1]!)])).toEqual([1, 1]);
      expect(tap.errors).toContain(DEADLOCK);
      expect(await charges()).toBe(1);
    });

    it('never runs a function twice in one call: its own deadlock is the caller’s', async () => {
      let inside = 0;
      let runs = 0;
      const both = new Gate();
      const call = (process: Process, rows: readonly [number, number]) =>
        process.service.run(
          `${key} ${rows.join()}`,
          async () => {
            runs += 1;
            const touch = (id: number) =>
              process.transactions.current().query('update pair set n = n + 1 where id = ?', [id]);
            await touch(rows[0]);
            if ((inside += 1) === 2) both.open();
            await both.passed;
            await touch(rows[1]);
          },
          { name: 'crossing' },
        );
      const results = await Promise.allSettled([call(one, [1, 2]), call(processes[1]!, [2, 1])]);
      const failed = results.filter(({ status }) => status === 'rejected');
      expect(failed).toMatchObject([{ reason: { errno: DEADLOCK } }]);
      expect(runs).toBe(2);
    });

    it('keeps what was done before in a joined transaction whose duplicate is refused', async () => {
      const gate = new Gate();
      let runs = 0;
      const running = processes[1]!.service.run(
        key,
        async () => {
          runs += 1;
          await processes[1]!.charge(key);
          await gate.passed;
        },
        { name: 'charge' },
      );
      await waitFor(() => runs === 1);
      const code = await one.transactions.run(async () => {
        await one.charge(`${key} before`);
        return one.service
          .run(key, () => one.charge(key), { name: 'charge', waitTimeout: 0 })
          .catch((error: { code: string }) => error.code);
      });
      gate.open();
      await running;
      expect(code).toBe('IDEMPOTENCY_KEY_IN_USE');
      expect([await charges(`${key} before`), await charges()]).toEqual([1, 1]);
    });

    it('sees what was done after a joined transaction took its snapshot, or gives that up', async () => {
      const late = one.transactions.run(
        async () => {
          await one.transactions.current().query('select count(*) from charges');
          await charge(processes[1]!, 'first');
          return charge(one, 'second');
        },
        { isolation: 'repeatable read' },
      );
      const outcome: unknown = await late.catch(
        ({ cause }: { readonly cause: { readonly errno: number } }) => cause.errno,
      );
      expect(outcome).toBe(snapshots === 'off' ? 'first' : OUTDATED);
      expect(await charges()).toBe(1);
    });

    it('claims a batch in one statement, and one by one where one of it runs elsewhere', async () => {
      const keys = Array.from({ length: 5 }, (_, n) => `${key} ${n}`);
      const batch = (process: Process, items: readonly string[]) =>
        process.service.runBatch(
          items,
          (order) => order,
          async (orders) => {
            for (const order of orders) await process.charge(order);
          },
          { name: 'batch' },
        );
      const gate = new Gate();
      let runs = 0;
      const work = async (): Promise<void> => {
        runs += 1;
        await processes[1]!.charge(keys[2]!);
        await gate.passed;
      };
      await one.service.run(keys[3]!, () => one.charge(keys[3]!), { name: 'batch' });
      const running = processes[1]!.service.run(keys[2]!, work, { name: 'batch' });
      await waitFor(() => runs === 1);
      const states = (await batch(one, keys)).map(({ state }) => state);
      expect(states).toEqual(['ran', 'ran', 'running', 'replayed', 'ran']);
      gate.open();
      await running;
      expect(await Promise.all(keys.map(charges))).toEqual([1, 1, 1, 1, 1]);
      tap.statements.length = 0;
      await batch(one, [`${key} a`, `${key} b`]);
      expect(ours()).toHaveLength(1);
    });
  },
);
