import { exitCodeOf, type Report } from './report.js';

/** The report for people. */
export function tableOf(report: Report): string {
  const { duplicatesAbsorbed: absorbed, orderToChargedMs: latency, faults } = report;
  const rows: [string, string | number][] = [
    ['requests sent', report.requestsSent],
    ['orders created', `${report.ordersCreated} of ${report.orders} wanted`],
    ['  seen on GET /orders/watch', report.ordersWatched],
    ['events added', report.eventsAdded],
    ['publishes', `${report.publishes}  (every event twice, at least)`],
    ['deliveries', report.deliveries],
    ['charges', report.charges],
    ['mails', report.mails],
    ['duplicates absorbed', sum(Object.values(absorbed))],
    ['  by gateway (Redis, reply replayed)', absorbed.gatewayReplayed],
    ['  by gateway (Redis, still in flight)', absorbed.gatewayInFlight],
    ['  by orders (PostgreSQL)', absorbed.orders],
    ['  by billing (PostgreSQL)', absorbed.billing],
    ['  by notifications (Redis)', absorbed.notifications],
    ['order to charged', `p50 ${latency.p50 ?? '-'} ms, p95 ${latency.p95 ?? '-'} ms`],
    ['billing killed with kill -9', faults.billingKilled],
    ['connections cut', faults.connectionsCut],
    ['restarts', restarts(report.restarts)],
    ['lost', report.lost],
    ['done twice', report.doneTwice],
  ];
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return [
    '',
    ...rows.map(([name, value]) => `${name.padEnd(width)}${value}`),
    '',
    ...trail(report),
    '',
    ...conclusion(report),
  ].join('\n');
}

function trail({ correlation }: Report): string[] {
  if (!correlation) return ['No correlation id was found in the logs of all four services.'];
  return [
    `correlation id ${correlation.correlationId}`,
    ...correlation.steps.map(
      ({ at, service, message }) => `  ${at}  ${service.padEnd(14)}${message}`,
    ),
  ];
}

function conclusion(report: Report): string[] {
  const time = `in ${report.seconds} s (seed ${report.seed})`;
  if (exitCodeOf(report) === 0) return [`Nothing lost, nothing done twice ${time}.`];
  return [
    `NOT AS IT SHOULD BE ${time}:`,
    ...report.problems.map((problem) => `  - ${problem}`),
    `The logs of the services: ${report.logFolder}`,
  ];
}

function restarts(counts: Readonly<Record<string, number>>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.map(([service, count]) => `${count} (${service})`).join(', ') || '0';
}

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
