import { expect, it } from 'vitest';
import type { Report } from '../src/report/report.js';
import { tableOf } from '../src/report/table.js';

const good: Report = {
  orders: 300,
  lost: 0,
  doneTwice: 0,
  seed: 7,
  seconds: 21.5,
  requestsSent: 640,
  ordersCreated: 300,
  ordersWatched: 300,
  eventsAdded: 600,
  publishes: 1_200,
  retried: 31,
  parked: 2,
  redriven: 2,
  deliveries: 1_212,
  charges: 300,
  mails: 300,
  duplicatesAbsorbed: {
    gatewayReplayed: 250,
    gatewayInFlight: 90,
    orders: 0,
    billing: 306,
    notifications: 301,
  },
  orderToChargedMs: { p50: 30, p95: 210 },
  restarts: { gateway: 0, orders: 0, billing: 1, notifications: 0 },
  faults: { billingKilled: 1, connectionsCut: 1 },
  correlation: { correlationId: 'c-1', steps: [] },
  problems: [],
  logFolder: null,
};

it('explains every figure, a zero included, in one column', () => {
  const lines = tableOf(good).split('\n');
  const figures = lines.slice(1, lines.indexOf('', 1));
  const withoutNote = figures.filter((line) => line.trim().split(/ {2,}/).length < 3);
  expect(withoutNote).toEqual([expect.stringMatching(/^order to charged +p50 30 ms, p95 210 ms$/)]);
  expect(figures.find((line) => line.startsWith('  orders '))).toMatch(
    /0 +none got past the gateway/,
  );
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(120);
});

it('names no folder after a run without problems', () => {
  expect(tableOf(good)).not.toContain('logs');
  expect(tableOf(good)).toContain('Nothing lost, nothing done twice in 21.5 s (seed 7).');
});

it('says what was wrong, and where to look', () => {
  const bad = { ...good, lost: 1, problems: ['R-000001 has no charge'], logFolder: '/logs' };
  expect(tableOf(bad)).toMatch(/NOT AS IT SHOULD BE[^]*R-000001 has no charge[^]*logs[^]*\/logs/);
});
