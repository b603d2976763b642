import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { MessageContext, NonRetryableError, RetryLater } from '@acme/nest-message-context';
import { RmqDeadLetter, RmqRetry } from '@acme/nest-rabbitmq';
import { NotFoundException } from '@nestjs/common';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConsumerGround } from './support/consumer-ground.js';
import { CONSUMERS, slug } from './support/consumers.js';
import { byError } from './support/policy-example.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});
afterEach(ConsumerGround.closeAll);

class Deadlock extends Error {}

describe.each(CONSUMERS)('%s', (kind, open) => {
  const ground = () => new ConsumerGround(broker, open, `here-${slug(kind)}`, ['dlq', 'retry.100']);
  const retry = { attempts: 2, initial: 100, jitter: false } as const;
  const parked = async (queue: string) => {
    await waitFor(async () => (await broker.queue(`${queue}.dlq`))?.messages === 1);
    return (await broker.take(`${queue}.dlq`))[0]!.properties.headers!;
  };

  it('calls a handler again at once, with its delivery in hand', async () => {
    const { start, publish, queue } = ground();
    const aborted: boolean[] = [];
    const { handled } = await start({
      module: { retry: { ...retry, immediate: 2, immediatePause: 1 } },
      handle: ({ message }, count) => {
        aborted.push(MessageContext.require().message.signal.aborted);
        if (message.messageId === 'passes' && count < 3) throw new Deadlock();
      },
    });
    await publish('passes');
    await waitFor(() => handled.length === 3);
    expect(new Set(handled.map(({ message }) => message.raw)).size).toBe(1);
    expect(handled.map(({ message }) => message.attempt)).toEqual([1, 1, 1]);
    expect(aborted).toEqual([false, false, false]);
    await waitFor(async () => (await broker.queue(queue))?.messages === 0);
    await publish('next');
    await waitFor(() => handled.length === 4);
  });

  it('counts an attempt when that is over, and begins anew with the next', async () => {
    const { start, publish, queue } = ground();
    const { handled, log } = await start({
      decorators: { method: RmqRetry({ ...retry, immediate: 1, immediatePause: 1 }) },
      handle: () => {
        throw new Deadlock('again');
      },
    });
    await publish('m-1');
    const headers = await parked(queue);
    expect(headers).toMatchObject({ 'x-error-code': 'RETRIES_EXHAUSTED', 'x-attempt': 2 });
    expect(handled.map(({ message }) => message.attempt)).toEqual([1, 1, 2, 2]);
    expect(log.messages('warn').join()).toContain('failed: again (called again at once, 1 of 1)');
  });

  it.each([
    ['that blames the message', () => new NotFoundException()],
    ['that was decided', () => new NonRetryableError('TOO_OLD')],
    ['that says when to come back', () => new RetryLater({ after: 100 })],
  ])('does not for an error %s', async (_, error) => {
    const { start, publish, queue } = ground();
    const { handled } = await start({
      module: { retry: { ...retry, attempts: 1, immediate: 5, immediatePause: 1 } },
      handle: () => {
        throw error();
      },
    });
    await publish('m-1');
    await parked(queue);
    expect(handled).toHaveLength(1);
  });

  it.each<[string, unknown, number, object]>([
    ['parks what it refuses', false, 1, { 'x-error-code': 'NOT_RETRIED', 'x-error-message': 'x' }],
    ['tries again what it wants', true, 2, { 'x-error-code': 'RETRIES_EXHAUSTED' }],
    ['waits as long as it says', '100ms', 2, { 'x-error-code': 'RETRIES_EXHAUSTED' }],
    ['leaves it as usual', undefined, 2, { 'x-error-code': 'RETRIES_EXHAUSTED' }],
    ['goes on as usual when it says nonsense', 'soon', 2, { 'x-error-code': 'RETRIES_EXHAUSTED' }],
  ])('%s: retryIf', async (_, said, calls, headers) => {
    const { start, publish, queue } = ground();
    const judgedErrors: unknown[] = [];
    const { handled, log } = await start({
      module: {
        retry: { ...retry, retryIf: (error) => (judgedErrors.push(error), said as never) },
      },
      handle: () => {
        throw new Deadlock('x');
      },
    });
    await publish('m-1');
    expect(await parked(queue)).toMatchObject(headers);
    expect(handled).toHaveLength(calls);
    expect(judgedErrors[0]).toBeInstanceOf(Deadlock);
    expect(log.messages('warn').join().includes('retryIf has failed (it said "soon"')).toBe(
      said === 'soon',
    );
  });

  it('tries again what would be parked, where retryIf says so, and asks it not for what is decided', async () => {
    const { start, publish, queue } = ground();
    const asked: unknown[] = [];
    const { handled } = await start({
      module: { retry: { ...retry, retryIf: (error) => (asked.push(error), true) } },
      handle: (_, count) => {
        if (count === 1) throw new NotFoundException('not yet');
        throw new NonRetryableError('TOO_OLD');
      },
    });
    await publish('m-1');
    expect(await parked(queue)).toMatchObject({ 'x-error-code': 'TOO_OLD' });
    expect(handled).toHaveLength(2);
    expect(asked.every((error) => error instanceof NotFoundException)).toBe(true);
  });

  it('keeps of an error what redact leaves of it', async () => {
    const { start, publish, queue } = ground();
    await start({
      module: { retry: { ...retry, attempts: 1 } },
      decorators: {
        method: RmqDeadLetter({ redact: (text) => text.replaceAll(/\d{4}-\d{4}/g, '****') }),
      },
      handle: () => {
        throw new Error('card 1234-5678 was refused', { cause: new Error('no 1234-5678 here') });
      },
    });
    await publish('m-1');
    const headers = await parked(queue);
    expect(headers['x-error-message']).toContain('card **** was refused');
    expect(JSON.stringify(headers)).not.toContain('1234-5678');
    expect(headers['x-error-stack']).toContain('no **** here');
  });
});

describe('with @RmqOrdered()', () => {
  it.each(CONSUMERS)('retryIf is asked as well: %s', async (kind, open) => {
    const ground = new ConsumerGround(broker, open, `here-ordered-${slug(kind)}`, ['dlq']);
    const { start, publish, queue } = ground;
    const { handled } = await start({
      module: {
        retry: { attempts: 5, initial: 10, retryIf: (error) => !(error instanceof Deadlock) },
      },
      ordered: { key: () => 'one' },
      handle: (_, count) => {
        throw count < 3 ? new Error('passes') : new Deadlock('does not');
      },
    });
    await publish('m-1');
    await waitFor(async () => (await broker.queue(`${queue}.dlq`))?.messages === 1);
    expect(handled).toHaveLength(3);
  });
});

describe('what the guide shows', () => {
  it.each<[object, string]>([
    [{ code: 'CARD_EXPIRED' }, 'NOT_RETRIED'],
    [{ status: 429 }, 'waits a minute'],
  ])('%j: %s', async (error, fate) => {
    const suffixes = ['dlq', 'retry.60000'];
    const ground = new ConsumerGround(broker, CONSUMERS[0]![1], 'here-guide', suffixes);
    await ground.start({
      module: { ...byError, retry: { ...byError.retry, backoff: ['1m'] } },
      handle: () => {
        throw Object.assign(new Error('card 1111222233334444'), error);
      },
    });
    await ground.publish('m-1');
    const place = fate === 'NOT_RETRIED' ? 'dlq' : 'retry.60000';
    await waitFor(async () => (await broker.queue(`${ground.queue}.${place}`))?.messages === 1);
    const [{ properties } = { properties: undefined }] = await broker.take(
      `${ground.queue}.${place}`,
    );
    expect(properties!.headers!['x-error-message']).toBe('card ****');
  });
});
