import { randomUUID } from 'node:crypto';
import { Buffer } from 'node:buffer';
import type { OutboxExamination, OutboxFinding } from '../contracts/examination.js';
import { within } from '../core/within.js';
import type { AmqpConnectionLike, AmqpPublishOptions } from '../publishers/amqp/amqp-like.js';
import { closeAndSever } from '../publishers/amqp/close-and-sever.js';
import { ExchangeCheck } from '../publishers/amqp/exchange-check.js';

/** What the broker says. */
export interface BrokerReport {
  /** Why it takes no message at all, as the end of a sentence. */
  readonly obstacle: string | undefined;
  readonly findings: readonly OutboxFinding[];
}

type Exchanges = OutboxExamination['exchanges'];

const ANSWER_MS = 10_000;
const CLOSE_MS = 1_000;
/** An unhurried broker confirms within milliseconds; a blocked one says so at once. */
const CONFIRM_MS = 5_000;

/**
 * Connects, looks for the exchanges, and lets one message be confirmed: to the broker's own exchange, with a name that no
 * queue has, so that it arrives nowhere. Closes the connection.
 *
 * @param exchanges those that messages name
 * @param usual the publisher's, of messages that name none; undefined when nobody knows
 */
export async function checkBroker(
  connect: () => PromiseLike<AmqpConnectionLike>,
  exchanges: Exchanges,
  usual?: string,
): Promise<BrokerReport> {
  let connection: AmqpConnectionLike;
  try {
    connection = await connected(connect);
  } catch (error) {
    return unreachable(error);
  }
  try {
    const missing = await checkExchanges(connection, exchanges, usual);
    const { obstacle, findings } = await checkConfirm(connection);
    return { obstacle, findings: [...findings, ...missing] };
  } catch (error) {
    return unreachable(error);
  } finally {
    await closeAndSever(CLOSE_MS, connection);
  }
}

async function connected(
  connect: () => PromiseLike<AmqpConnectionLike>,
): Promise<AmqpConnectionLike> {
  const opening = Promise.resolve().then(connect);
  try {
    const connection = await inTime(opening);
    // An `error` without a listener ends the process; whoever waits is told anyway.
    connection.on('error', () => {});
    return connection;
  } catch (error) {
    opening.then(
      (late) => late.close(),
      () => {},
    );
    throw error;
  }
}

async function checkExchanges(
  connection: AmqpConnectionLike,
  exchanges: Exchanges,
  usual: string | undefined,
): Promise<OutboxFinding[]> {
  const check = new ExchangeCheck(connection);
  const problemOf = (exchange: string): Promise<Error | undefined> =>
    inTime(Promise.resolve(check.problem(exchange)));
  const findings: OutboxFinding[] = [];
  // Also where no message is here now: the next one would not leave.
  const problem = usual === undefined ? undefined : await problemOf(usual);
  if (problem && usual !== undefined)
    findings.push(usualUnavailable(usual, messagesFor(usual, exchanges), problem));
  for (const { exchange, messages } of exchanges) {
    if (exchange === usual) continue;
    const reason = await problemOf(exchange);
    if (reason) findings.push(unavailable(exchange, messages, reason));
  }
  return findings;
}

const messagesFor = (usual: string, exchanges: Exchanges): number =>
  exchanges.find(({ exchange }) => exchange === usual)?.messages ?? 0;

const unavailable = (exchange: string, messages: number, problem: Error): OutboxFinding => ({
  code: 'EXCHANGE_UNAVAILABLE',
  severity: 'error',
  message: `${messages} messages are for exchange "${exchange}", which cannot be published to: ${reasonOf(problem.cause)}`,
  remedy: DECLARE,
  detail: { exchange, messages },
});

const usualUnavailable = (exchange: string, messages: number, problem: Error): OutboxFinding => ({
  code: 'DEFAULT_EXCHANGE_UNAVAILABLE',
  severity: 'error',
  message: `Messages that name no exchange go to "${exchange}", the publisher's own${messages > 0 ? `, and ${messages} name it themselves` : ''}; it cannot be published to: ${reasonOf(problem.cause)}`,
  remedy: `${DECLARE} If it is a wrong name: the publisher's option exchange says where messages go that name none.`,
  detail: { exchange, messages },
});

const DECLARE =
  'Declare it in this virtual host, or permit the relay to use it; the messages leave by themselves then. Those that are parked: nest-outbox redrive --reason EXCHANGE_UNAVAILABLE.';

/** A blocked connection is told so when it publishes, and is read no further. */
async function checkConfirm(connection: AmqpConnectionLike): Promise<BrokerReport> {
  const channel = await inTime(connection.createConfirmChannel());
  channel.on('error', () => {});
  let blocked: string | undefined;
  const outcome = await new Promise<'confirmed' | 'blocked' | 'silent' | Error>((done) => {
    const timer = setTimeout(() => done('silent'), CONFIRM_MS);
    const end = (how: 'confirmed' | 'blocked' | Error): void => {
      clearTimeout(timer);
      done(how);
    };
    connection.on('blocked', (reason) => {
      blocked = String(reason);
      end('blocked');
    });
    channel.on('error', (error) => end(error as Error));
    channel.publish('', `nest-outbox-doctor.${randomUUID()}`, Buffer.from('{}'), PROBE, (error) =>
      end(error ?? 'confirmed'),
    );
  });
  // That it may not write there is an answer as well: one that a blocked broker does not give.
  if (outcome === 'confirmed' || (outcome as { code?: unknown }).code === 403)
    return { obstacle: undefined, findings: [] };
  if (outcome === 'blocked') return blockedReport(blocked ?? '');
  return silentReport(outcome === 'silent' ? `none within ${CONFIRM_MS} ms` : reasonOf(outcome));
}

const PROBE: AmqpPublishOptions = {
  persistent: false,
  mandatory: false,
  messageId: 'nest-outbox-doctor',
  type: 'nest-outbox-doctor',
  contentType: 'application/json',
  timestamp: 0,
  headers: {},
};

const report = (
  obstacle: string,
  code: string,
  message: string,
  remedy: string,
  reason: string,
): BrokerReport => ({
  obstacle,
  findings: [{ code, severity: 'error', message, remedy, detail: { reason } }],
});

function unreachable(error: unknown): BrokerReport {
  const reason = reasonOf(error);
  return report(
    'the broker cannot be reached',
    'BROKER_UNREACHABLE',
    `The broker cannot be reached from here: ${reason}`,
    'See that it runs, and that host, port, virtual host, user and password of the URL are right. Messages wait meanwhile and lose no attempts.',
    reason,
  );
}

const blockedReport = (reason: string): BrokerReport =>
  report(
    'the broker has blocked publishing',
    'BROKER_BLOCKED',
    `The broker has blocked publishing: ${reason}`,
    'Relieve its alarm: free memory or disk, or let consumers catch up (rabbitmq-diagnostics alarms). Messages wait meanwhile and lose no attempts.',
    reason,
  );

const silentReport = (reason: string): BrokerReport =>
  report(
    'the broker does not confirm',
    'BROKER_SILENT',
    `The broker gave no confirm: ${reason}`,
    'Look at its log and its alarms (rabbitmq-diagnostics alarms, cluster_status). What stands between may not pass publisher confirms on.',
    reason,
  );

const inTime = <T>(work: PromiseLike<T>): Promise<T> =>
  within(ANSWER_MS, work, () => new Error(`no answer within ${ANSWER_MS} ms`));

/** Clients quote URLs. */
function reasonOf(error: unknown): string {
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown };
  const text = [message, code].find((one) => typeof one === 'string' && one !== '');
  return String(text ?? error).replace(/:\/\/[^\s@]*@/g, '://***@');
}
