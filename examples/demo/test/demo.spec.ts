import { expect, it } from 'vitest';
import { demoFile, interferedDemo, reportOf } from './support/run-demo.js';

const ORDERS = 40;
/** Of notifications: as many retries may be on their way at once. */
const PREFETCH = 20;

it('loses nothing and does nothing twice, while everything is sent too often and broken on purpose', async () => {
  const { code, report } = await reportOf(demoFile, '--orders', String(ORDERS), '--seed', '1');
  expect(report.problems).toEqual([]);
  expect(report).toMatchObject({
    orders: ORDERS,
    lost: 0,
    doneTwice: 0,
    ordersCreated: ORDERS,
    ordersWatched: ORDERS,
    eventsAdded: 2 * ORDERS,
    charges: ORDERS,
    mails: ORDERS,
    // The connection that consumes, and the one for retries.
    faults: { billingKilled: 1, connectionsCut: 2 },
    restarts: { billing: 1, gateway: 0, orders: 0, notifications: 0 },
  });
  expect(report.requestsSent).toBeGreaterThan(ORDERS);
  expect(report.publishes).toBeGreaterThanOrEqual(4 * ORDERS);
  expect(report.deliveries).toBeGreaterThan(4 * ORDERS);
  expect(report.retried).toBeGreaterThan(0);
  // The event of the refused customer, and the copy that the buggy producer makes of it; more where a connection was cut meanwhile.
  expect(report.parked).toBeGreaterThanOrEqual(2);
  expect(report.redriven).toBe(report.parked);
  // Every event came twice, at least.
  expect(report.duplicatesAbsorbed.billing).toBeGreaterThanOrEqual(ORDERS);
  // Those that were on their way to a wait queue when the line was cut count as retries, and have not arrived.
  expect(report.duplicatesAbsorbed.notifications).toBeGreaterThan(ORDERS - PREFETCH);
  expect(report.duplicatesAbsorbed.gatewayReplayed).toBeGreaterThan(0);
  // The gateway has its answer after orders has done its part, whenever billing has done its own.
  expect(report.correlation?.steps.map(({ service }) => service).sort()).toEqual([
    'billing',
    'gateway',
    'notifications',
    'orders',
  ]);
  expect(code).toBe(0);
});

it('sees a charge that is missing and one that was made twice', async () => {
  const { code, report } = await reportOf(interferedDemo, 'tampered-charges', '--orders', '12');
  expect(report).toMatchObject({ orders: 12, lost: 1, doneTwice: 1 });
  expect(report.problems).toContainEqual(expect.stringMatching(/^R-\d+ has no charge$/));
  expect(report.problems).toContain('too many charges: 1');
  expect(code).toBe(1);
});

it('says what is missing when events do not arrive', async () => {
  const { code, report } = await reportOf(interferedDemo, 'unbound-queue', '--orders', '12');
  expect(report).toMatchObject({ lost: 12, doneTwice: 0, charges: 12, mails: 0 });
  expect(report.problems).toContain('did not come to an end: 12 customers without a mail');
  expect(code).toBe(1);
});

it('is not content while a message stands in a dead-letter queue', async () => {
  const { code, report } = await reportOf(interferedDemo, 'dead-letter', '--orders', '6');
  expect(report).toMatchObject({ lost: 0, doneTwice: 0 });
  expect(report.problems).toEqual([expect.stringMatching(/^messages left in .*billing\.dlq: 1$/)]);
  expect(code).toBe(1);
});
