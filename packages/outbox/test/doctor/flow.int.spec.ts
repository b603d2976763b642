import { declareQueue, testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import type { OutboxStore } from '@acme/nest-outbox';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { doctor, doctorText } from '../support/findings.js';
import { openOutboxApp } from '../support/outbox-app.js';
import { OUTBOX_DATABASES, type OutboxDatabase } from '../support/outbox-database.js';

const HOUR = 3_600_000;

describe.each(OUTBOX_DATABASES)('the doctor, on %s', (label, open) => {
  let database: OutboxDatabase;
  let broker: TestBroker;
  let store: OutboxStore;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await open();
    store = database.store();
  });

  const message = (more: object = {}) => ({
    messageId: 'm1',
    type: 'a.v1',
    key: null,
    exchange: null,
    routingKey: null,
    contentType: null,
    headers: null,
    occurredAt: 0,
    payload: '1',
    due: null,
    ...more,
  });
  const rules = { strictOrder: false, sequence: false };
  const add = (...messages: object[]) => store.operations.add(messages.map(message), rules);
  /** A relay that holds so many lanes. */
  const relay = async (id: string, lanes: number, leaseMs = HOUR) => {
    await store.tend(id, [], leaseMs);
    await store.claim(id, [], lanes, leaseMs);
  };
  const impatient = ['--max-age', '1ms'];

  it('finds nothing where all is well, and says whether it looked at the broker', async () => {
    const app = await openOutboxApp(database, broker);
    await waitFor(async () => (await app.admin.status()).heldLanes === 16);
    expect(await doctor(database.url)).toMatchObject({ exit: 0, healthy: true, findings: [] });
    const text = await doctorText(database.url, ['--amqp', broker.url]);
    expect(text).toEqual({
      exit: 0,
      stdout: `Nothing was found wrong with ${label} and the broker.\n`,
      stderr: '',
    });
    expect((await doctorText(database.url)).stdout).toMatch(/not looked at: give --amqp\.\n$/);
    await expect(app.admin.doctor()).resolves.toEqual([]);
    await app.close();
  });

  it('asks nothing more where the tables are missing', async () => {
    const { exit, findings } = await doctor(database.url, ['--amqp', 'amqp://127.0.0.1:1']);
    expect(exit).toBe(3);
    expect(findings).toMatchObject([{ code: 'TABLES_MISSING', severity: 'error' }]);
  });

  it('warns of tables that a newer version has upgraded, and goes on', async () => {
    await store.prepare(undefined);
    await database.query('insert into outbox_schema (version, applied_at) values (2, now())');
    const { of, codes } = await doctor(database.url);
    expect(of('TABLES_NEWER')).toMatchObject([
      { severity: 'warning', detail: { found: 2, needed: 1 } },
    ]);
    expect(codes).toContain('NO_RELAY');
  });

  it('finds that nobody relays: a warning, and an error when messages wait, which are late for it', async () => {
    await store.prepare(undefined);
    const idle = await doctor(database.url);
    expect(idle).toMatchObject({ exit: 3, codes: ['NO_RELAY'] });
    expect(idle.of('NO_RELAY')).toMatchObject([{ severity: 'warning' }]);
    await add({}, { messageId: 'm2' });
    const { of, codes } = await doctor(database.url, impatient);
    expect(codes).toEqual(['NO_RELAY', 'LAG']);
    expect(of('NO_RELAY')).toMatchObject([{ severity: 'error', detail: { waiting: 2 } }]);
    expect(of('LAG')).toMatchObject([
      { severity: 'error', detail: { cause: 'NO_RELAY', pending: 2 } },
    ]);
    // Young ones are no lag.
    expect((await doctor(database.url)).codes).toEqual(['NO_RELAY']);
    const text = await doctorText(database.url, impatient);
    expect(text).toMatchObject({ exit: 3, stderr: '' });
    expect(text.stdout).toMatch(/^error: NO_RELAY: .*2 messages.*\n {2}Start a process/);
  });

  it('finds lanes that nobody holds', async () => {
    await store.prepare(undefined);
    await relay('relay-a', 4);
    await add({});
    const { of, codes } = await doctor(database.url, impatient);
    expect(codes).toEqual(['LANES_UNHELD', 'LAG']);
    expect(of('LANES_UNHELD')).toMatchObject([
      { severity: 'error', detail: { unheld: 12, lanes: 16, relays: 1 } },
    ]);
    expect(of('LAG')).toMatchObject([{ detail: { cause: 'LANES_UNHELD' } }]);
  });

  it('finds a relay whose lease has run out', async () => {
    await store.prepare(undefined);
    await relay('relay-dead', 16, 0);
    await relay('relay-idle', 0);
    const { of } = await doctor(database.url);
    expect(of('LEASE_EXPIRED')).toMatchObject([
      { severity: 'warning', detail: { relay: 'relay-dead', lanes: 16 } },
    ]);
    expect(of('LANES_UNHELD')).toMatchObject([{ detail: { unheld: 16 } }]);
  });

  it('says of lag what it can: that the broker was not asked, cannot be reached, or is not to blame', async () => {
    await store.prepare(undefined);
    await relay('relay-a', 16);
    await add({});
    const cause = async (...args: string[]) =>
      (await doctor(database.url, [...impatient, ...args])).of('LAG')[0]?.detail['cause'];
    expect(await cause()).toBe('UNKNOWN');
    expect(await cause('--amqp', broker.url)).toBe('RELAYS');
    expect(await cause('--amqp', 'amqp://127.0.0.1:1')).toBe('BROKER');
  });

  it('finds delayed messages that are due and still there', async () => {
    await store.prepare(undefined);
    await relay('relay-a', 16);
    await add({ due: { atMs: Date.now() - HOUR } }, { due: { inMs: HOUR } });
    const { of, codes } = await doctor(database.url);
    expect(codes).toEqual(['DELAYED_OVERDUE']);
    const [finding] = of('DELAYED_OVERDUE');
    expect(finding).toMatchObject({ severity: 'error', detail: { count: 1 } });
    expect(finding!.detail['oldestMs']).toBeGreaterThan(HOUR - 60_000);
    expect((await doctor(database.url, ['--max-age', '2h'])).codes).toEqual([]);
  });

  it('finds kept messages that nobody removes: by --retention, by that of the module, by their age', async () => {
    const queue = await declareQueue(broker, 'kept');
    const app = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
      retention: '1d',
    });
    await app.transactions.run(() => app.outbox.add({ type: queue, payload: 1 }));
    await app.relay.runOnce();
    const age = (days: number) =>
      database.query(
        `update outbox_published set published_at = now() - ${database.interval(days * 24 * HOUR)}`,
      );
    await age(2);
    const expected = { code: 'RETENTION_OVERDUE', severity: 'warning' };
    expect((await doctor(database.url, ['--retention', '1d'])).findings).toContainEqual(
      expect.objectContaining(expected),
    );
    expect((await doctor(database.url, ['--retention', '3d'])).codes).toEqual(['NO_RELAY']);
    expect((await doctor(database.url)).codes).toEqual(['NO_RELAY']);
    await expect(app.admin.doctor()).resolves.toContainEqual(expect.objectContaining(expected));
    await age(31);
    expect((await doctor(database.url)).of('RETENTION_OVERDUE')).toHaveLength(1);
    await app.close();
  });

  it.each([95_000, -95_000])('finds a clock that is off by %d ms', async (ms) => {
    await store.prepare(undefined);
    await relay('relay-a', 16);
    const shifted = `const now = Date.now; Date.now = () => now() + ${ms};`;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shifted)}` };
    const { of, codes } = await doctor(database.url, [], { env });
    expect(codes).toEqual(['CLOCK_SKEW']);
    const [finding] = of('CLOCK_SKEW');
    expect(finding!.message).toContain(ms > 0 ? '1.5 min ahead of' : '1.5 min behind');
    expect(Math.abs(Number(finding!.detail['aheadMs']) - ms)).toBeLessThan(2_000);
  });

  it.each([
    [{ maxAge: 'soon' }, /maxAge: "soon" is not a duration/],
    [{ retention: 0 }, /retention: 0 is not a duration/],
    [{ broker: 'amqp://h' }, /broker: not a function.*rabbitMqProbe/],
    [{ broker: () => {}, exchange: 1 }, /exchange: 1 is not a name/],
    [{ amqp: 'x' }, /amqp: there is no such option/],
  ])('refuses %j', async (options, message) => {
    const app = await openOutboxApp(database, broker, { relay: { mode: 'off' } });
    await expect(app.admin.doctor(options as object)).rejects.toMatchObject({
      code: 'OUTBOX_CONFIGURATION',
      message: expect.stringMatching(message) as string,
    });
    await app.close();
  });
});
