// amqplib carries 64 KiB of headers, and a failure is recorded in headers.
import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { connect } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import { CONSUMERS } from './support/consumers.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

/** Of a message of 100 KiB, and 64 KiB of frames. */
function hugeError(): Error {
  const error = new Error('m'.repeat(100 * 1_024));
  error.stack = `Error: ${error.message}\n${'    at f (/some/where/file.js:1:1)\n'.repeat(2_000)}`;
  return error;
}

describe.each(CONSUMERS)('a message whose headers are almost full, behind %s', (kind, open) => {
  let count = 0;
  /** What becomes of a message that always fails. */
  const parked = async (headers: Record<string, unknown>) => {
    const name = `${kind.replaceAll(' ', '-')}.full-${(count += 1)}`;
    const [queue, exchange] = [broker.name(name), broker.name(`${name}.events`)];
    const [wait, dead] = [broker.name(`${name}.retry.50`), broker.name(`${name}.dlq`)];
    let connects = 0;
    const consumer = await open({
      broker,
      queue,
      exchange,
      module: {
        connect: () => {
          connects += 1;
          return connect(broker.url);
        },
        retry: { attempts: 2, initial: 50, jitter: false },
      },
      handle: () => {
        throw hugeError();
      },
    });
    const channel = await broker.confirmChannel();
    const properties = { type: 'placed', messageId: 'm-1', headers };
    channel.publish(exchange, 'placed', Buffer.from('{"id":1}'), properties);
    await channel.waitForConfirms();
    await channel.close();
    const depth = async (of: string) => (await broker.queue(of))?.messages ?? 0;
    await waitFor(async () => (await depth(dead)) > 0, { what: 'a parked message' });
    await consumer.close();
    await expect(depth(queue)).resolves.toBe(0);
    await expect(depth(wait)).resolves.toBe(0);
    const [message] = await broker.take(dead);
    expect(message?.content.toString()).toBe('{"id":1}');
    const { handled, log } = consumer;
    return { headers: message?.properties.headers ?? {}, handled, connects, log };
  };

  it('is retried and parked with all of them, and a shorter record of the failure', async () => {
    const own = { 'x-own': 'o'.repeat(60 * 1_024), 'x-table': { deep: ['d'.repeat(500)] } };
    const { headers, handled, connects } = await parked(own);
    expect(headers).toMatchObject({
      ...own,
      'x-attempt': 2,
      'x-error-code': 'RETRIES_EXHAUSTED',
      'x-error-message': expect.stringMatching(/^m{900}/) as string,
    });
    expect(String(headers['x-error-stack'] ?? '').length).toBeLessThan(4_096);
    expect(handled).toHaveLength(2);
    expect(connects).toBe(1);
  });

  it('is parked at once without the largest of them where no record has room', async () => {
    const own = { 'x-own': 'o'.repeat(60_000), 'x-other': 'p'.repeat(5_400), 'x-tenant-id': 't-1' };
    const { headers, handled, connects, log } = await parked(own);
    const { 'x-own': left, ...others } = own;
    expect(headers).toMatchObject({
      ...others,
      'x-attempt': 1,
      'x-error-code': 'HEADERS_TOO_LARGE',
      'x-error-message': expect.stringContaining('x-own') as string,
    });
    expect(headers).not.toHaveProperty('x-own');
    expect(left).toHaveLength(60_000);
    expect(handled).toHaveLength(1);
    expect(connects).toBe(1);
    expect(log.messages('warn').join()).toContain('HEADERS_TOO_LARGE');
  });
});
