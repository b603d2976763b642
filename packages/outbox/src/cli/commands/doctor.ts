import {
  type Answer,
  driversOf,
  durationOf,
  EXIT,
  mapTexts,
  usageError,
} from '@acme/nest-message-context/cli';
import { durationText } from '@acme/nest-message-context/kit';
import type { BrokerProbe } from '@acme/nest-message-context';
import { OutboxAdmin } from '../../admin/outbox-admin.js';
import type { OutboxFinding } from '../../contracts/examination.js';
import type { OutboxStatus } from '../../contracts/messages.js';
import type { Command, Desk } from '../command.js';

interface AmqplibLike {
  connect(url: string, options: object): PromiseLike<unknown>;
}

/** `@acme/nest-rabbitmq`, which this package does not know. */
interface NestRabbitMqLike {
  readonly rabbitMqProbe: (connect: () => PromiseLike<unknown>) => BrokerProbe;
}

const CONNECT_MS = 10_000;

export const doctor: Command = {
  summary: 'Says why messages do not leave, and what to do',
  details: `Looks at relays, lanes, tables, the database, clocks and failures, and with --amqp at the broker:
whether every exchange is there that messages name, and that of --exchange, and whether a message
is confirmed; that one goes to nobody. It changes nothing. It ends with 3 when it has found
something, be it an error or a warning. Without --retention it takes 30 days for what nobody keeps
a message for.`,
  options: ['url', 'config', 'schema', 'amqp', 'exchange', 'max-age', 'retention'],

  async run(desk) {
    const { values, open, doing, hide } = desk;
    const maxAge = durationOf('max-age', values['max-age']);
    const retention = durationOf('retention', values.retention);
    const broker = brokerOf(desk);
    const { exchange } = values;
    if (exchange !== undefined && !broker)
      throw usageError('--exchange: is looked for in the broker. Give --amqp as well.');
    const { store, label } = await open();
    doing(broker ? `examining ${label} and the broker` : `examining ${label}`);
    const admin = new OutboxAdmin(store.operations);
    const found = await admin.doctor({ maxAge, retention, broker, exchange });
    const withBroker = broker !== undefined;
    if (found.length > 0) return sick(label, mapTexts(found, hide) as OutboxFinding[], withBroker);
    return healthy(label, await store.operations.status(), withBroker);
  },
};

function brokerOf({ values, cwd }: Desk): BrokerProbe | undefined {
  const { amqp } = values;
  if (amqp === undefined) return undefined;
  if (!/^amqps?:\/\//i.test(amqp) || !URL.canParse(amqp))
    throw usageError('--amqp: this is no URL of a broker. Give amqp://host/vhost.');
  const driver = driversOf(cwd);
  const amqplib = driver('amqplib').exports as AmqplibLike;
  const { rabbitMqProbe } = driver('@acme/nest-rabbitmq').exports as NestRabbitMqLike;
  return rabbitMqProbe(() => amqplib.connect(amqp, { timeout: CONNECT_MS }));
}

function sick(label: string, findings: readonly OutboxFinding[], withBroker: boolean): Answer {
  const texts = findings.map(
    ({ code, severity, message, remedy }) => `${severity}: ${code}: ${message}\n  ${remedy}`,
  );
  return {
    exit: EXIT.nothing,
    json: { store: label, healthy: false, broker: withBroker, findings },
    text: [...texts, ...unasked(withBroker)].join('\n'),
  };
}

function healthy(label: string, status: OutboxStatus, withBroker: boolean): Answer {
  const { pending, oldestAgeMs } = status;
  const waits =
    pending > 0
      ? [
          `Pending: ${pending}, the oldest for ${durationText(oldestAgeMs)}; --max-age says when that is too long.`,
        ]
      : [];
  return {
    exit: EXIT.done,
    json: { store: label, healthy: true, broker: withBroker, findings: [] },
    text: [
      `Nothing was found wrong with ${withBroker ? `${label} and the broker` : label}.`,
      ...waits,
      ...unasked(withBroker),
    ].join('\n'),
  };
}

const unasked = (withBroker: boolean): string[] =>
  withBroker ? [] : ['The broker was not looked at: give --amqp.'];
