import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { BrokerAnswers, BrokerProbe } from '@acme/nest-message-context';
import { within } from '@acme/nest-message-context/kit';
import type { AmqpConnectionLike, AmqpPublishOptions } from './amqp-like.js';
import { closeAndSever } from './close-and-sever.js';
import { ExchangeCheck } from './exchange-check.js';

const ANSWER_MS = 10_000;
const CLOSE_MS = 1_000;
/** An unhurried broker confirms within milliseconds; a blocked one says so at once. */
const CONFIRM_MS = 5_000;

/**
 * Asks RabbitMQ whether messages could be published now: connects, looks for the exchanges, and lets one message be confirmed,
 * to the broker's own exchange, with a name that no queue has, so that it arrives nowhere. For the outbox's doctor.
 *
 * @param connect opens a connection, which is closed again: `() => amqplib.connect(url)`
 */
export const rabbitMqProbe =
  (connect: () => PromiseLike<AmqpConnectionLike>): BrokerProbe =>
  async (exchanges) => {
    let connection: AmqpConnectionLike;
    try {
      connection = await connected(connect);
    } catch (error) {
      return unreachable(error);
    }
    try {
      const problems = await problemsOf(connection, exchanges);
      return { exchanges: problems, ...(await confirmsOf(connection)) };
    } catch (error) {
      return unreachable(error);
    } finally {
      await closeAndSever(CLOSE_MS, connection);
    }
  };

const unreachable = (error: unknown): BrokerAnswers => ({
  unreachable: error instanceof Error ? error : new Error(String(error)),
  exchanges: new Map(),
  confirms: 'no',
});

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

async function problemsOf(
  connection: AmqpConnectionLike,
  exchanges: readonly string[],
): Promise<Map<string, Error>> {
  const check = new ExchangeCheck(connection);
  const problems = new Map<string, Error>();
  for (const exchange of exchanges) {
    const problem = await inTime(Promise.resolve(check.problem(exchange)));
    if (problem) problems.set(exchange, problem.cause as Error);
  }
  return problems;
}

/** A blocked connection is told so when it publishes, and is read no further. */
async function confirmsOf(
  connection: AmqpConnectionLike,
): Promise<Pick<BrokerAnswers, 'confirms' | 'reason'>> {
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
    channel.publish('', `nest-rabbitmq-probe.${randomUUID()}`, Buffer.from('{}'), PROBE, (error) =>
      end(error ?? 'confirmed'),
    );
  });
  // That it may not write there is an answer as well: one that a blocked broker does not give.
  if (outcome === 'confirmed' || (outcome as { code?: unknown }).code === 403)
    return { confirms: 'yes' };
  if (outcome === 'blocked') return { confirms: 'blocked', reason: blocked };
  return {
    confirms: 'no',
    reason: outcome === 'silent' ? `none within ${CONFIRM_MS} ms` : outcome.message,
  };
}

const PROBE: AmqpPublishOptions = {
  persistent: false,
  mandatory: false,
  messageId: 'nest-rabbitmq-probe',
  type: 'nest-rabbitmq-probe',
  contentType: 'application/json',
  timestamp: 0,
  headers: {},
};

const inTime = <T>(work: PromiseLike<T>): Promise<T> =>
  within(ANSWER_MS, work, () => new Error(`no answer within ${ANSWER_MS} ms`));
