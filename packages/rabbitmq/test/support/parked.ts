import { declareQueue, waitFor, type TestBroker } from '@acme/internal-testing';
import type { ConsumeMessage, GetMessage, Options } from 'amqplib';

/** Quorum queues with the limit of their kind from 4.0 on, and without one, behave differently. */
export const QUEUE_KINDS: [label: string, args: Record<string, unknown>][] = [
  ['quorum', { 'x-queue-type': 'quorum' }],
  ['quorum with a delivery limit', { 'x-queue-type': 'quorum', 'x-delivery-limit': 20 }],
  ['classic', { 'x-queue-type': 'classic' }],
];

/** Whether its quorum queues do, whatever way it comes: RabbitMQ before 4.3. */
export function countsWhatIsGivenBack({ connection }: TestBroker): boolean {
  const { version } = connection.connection.serverProperties as { version: string };
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < 4 || (major === 4 && minor < 3);
}

export interface Parked {
  readonly body?: Buffer | string;
  readonly properties?: Options.Publish;
}

/** Puts messages into a queue, in their order, as a settlement would have done. */
export async function park(
  broker: TestBroker,
  queue: string,
  messages: readonly Parked[],
): Promise<void> {
  const channel = await broker.confirmChannel();
  for (const { body = '{}', properties = {} } of messages)
    channel.sendToQueue(queue, Buffer.from(body), { persistent: true, ...properties });
  await channel.waitForConfirms();
  await channel.close();
}

/** A dead-letter queue with messages in it. */
export async function parkedQueue(
  broker: TestBroker,
  name: string,
  messages: readonly Parked[],
  args: Record<string, unknown> = { 'x-queue-type': 'quorum' },
): Promise<string> {
  const queue = await declareQueue(broker, `${name}.dlq`, { arguments: args });
  await park(broker, queue, messages);
  return queue;
}

/** The record of a failure in `origin`. */
export const failedIn = (
  origin: string,
  headers: Record<string, unknown> = {},
): Record<string, unknown> => ({
  'x-attempt': 5,
  'x-error-code': 'RETRIES_EXHAUSTED',
  'x-error-name': 'Error',
  'x-error-message': 'the database is away',
  'x-error-fingerprint': 'aaaaaaaaaaaaaaaa',
  'x-error-service': 'tests',
  'x-first-failed-at': '2026-11-01T00:00:00.000Z',
  'x-last-failed-at': '2026-11-02T00:00:00.000Z',
  'x-original-queue': origin,
  'x-original-exchange': 'events',
  'x-original-routing-key': 'placed',
  ...headers,
});

export const depth = async (broker: TestBroker, queue: string): Promise<number> =>
  (await broker.queue(queue))?.messages ?? 0;

export const holds = (broker: TestBroker, queue: string, count: number): Promise<unknown> =>
  waitFor(async () => (await depth(broker, queue)) === count, {
    what: `${count} messages in ${queue}`,
  });

/** What two looks at a message have to have in common: all but what its queue counts. */
export const unchanged = ({ content, properties }: ConsumeMessage | GetMessage) => {
  const { 'x-delivery-count': _, 'x-acquired-count': __, ...headers } = properties.headers ?? {};
  return { body: content.toString('base64'), properties: { ...properties, headers } };
};
