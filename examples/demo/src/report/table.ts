import { exitCodeOf, type Report } from './report.js';

type Row = readonly [name: string, value: string | number, note?: string];

/** The report for people who have never seen one: every figure says what it counts. */
export function tableOf(report: Report): string {
  return [
    '',
    ...aligned([
      ...outcome(report),
      ...traffic(report),
      ...duplicates(report.duplicatesAbsorbed),
      ...broken(report),
      ...verdict(report),
    ]),
    '',
    ...trail(report),
    '',
    ...conclusion(report),
  ].join('\n');
}

const outcome = (report: Report): Row[] => [
  ['orders created', report.ordersCreated, `of ${report.orders} that customers wanted`],
  [
    '  seen on GET /orders/watch',
    report.ordersWatched,
    'streamed by orders while they were placed',
  ],
  ['charges', report.charges, 'rows in the table of billing; one is due for each order'],
  ['mails', report.mails, 'rows in the table of notifications; one is due for each order'],
];

const traffic = (report: Report): Row[] => [
  [
    'requests sent',
    report.requestsSent,
    'each order 1 to 3 times with one key, and again on errors',
  ],
  [
    'events added',
    report.eventsAdded,
    'different events on the exchange; two are due for each order',
  ],
  [
    'publishes',
    report.publishes,
    'every event twice at least: a "buggy producer" repeats them all',
  ],
  ['retried', report.retried, 'deliveries that failed, and came again after a pause at the broker'],
  ['parked', report.parked, 'given up with the reason: the mail provider refused a customer'],
  ['redriven', report.redriven, 'brought back from there once that was mended'],
  ['deliveries', report.deliveries, 'to billing and notifications, redeliveries included'],
  ['order to charged', latencyOf(report.orderToChargedMs)],
];

const duplicates = (absorbed: Report['duplicatesAbsorbed']): Row[] => [
  [
    'duplicates absorbed',
    sum(Object.values(absorbed)),
    'requests and deliveries that had no effect, by who stopped them:',
  ],
  ['  gateway, reply replayed', absorbed.gatewayReplayed, 'done before (key in Redis)'],
  ['  gateway, still in flight', absorbed.gatewayInFlight, 'refused with 409 (key in Redis)'],
  [
    '  orders',
    absorbed.orders,
    absorbed.orders === 0
      ? 'none got past the gateway; they do where its reply or its key is lost'
      : 'got past the gateway, which had no reply to replay (key in PostgreSQL)',
  ],
  ['  billing', absorbed.billing, 'acked without a charge (key in PostgreSQL)'],
  ['  notifications', absorbed.notifications, 'acked without a mail (key in Redis)'],
];

const broken = ({ faults, restarts }: Report): Row[] => [
  ['billing killed', faults.billingKilled, 'kill -9, with charges half done'],
  ['connections cut', faults.connectionsCut, 'of notifications to RabbitMQ, with mails half done'],
  ['restarts', restartsOf(restarts), 'by the supervisor'],
];

const verdict = (report: Report): Row[] => [
  ['lost', report.lost, 'orders without their row, their charge or their mail'],
  ['done twice', report.doneTwice, 'orders, charges and mails beyond one for each order'],
];

const latencyOf = ({ p50, p95 }: Report['orderToChargedMs']): string =>
  `p50 ${p50 ?? '-'} ms, p95 ${p95 ?? '-'} ms`;

function aligned(rows: readonly Row[]): string[] {
  const widest = (column: 0 | 1): number =>
    Math.max(
      ...rows.filter(([, , note]) => column === 0 || note).map((row) => `${row[column]}`.length),
    ) + 2;
  const [names, values] = [widest(0), widest(1)];
  return rows.map(([name, value, note = '']) =>
    `${name.padEnd(names)}${String(value).padEnd(values)}${note}`.trimEnd(),
  );
}

function trail({ correlation }: Report): string[] {
  if (!correlation) return ['No correlation id was found in the logs of all four services.'];
  return [
    `One order through all four services, by its correlation id ${correlation.correlationId}:`,
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

function restartsOf(counts: Readonly<Record<string, number>>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.map(([service, count]) => `${count} (${service})`).join(', ') || '0';
}

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
