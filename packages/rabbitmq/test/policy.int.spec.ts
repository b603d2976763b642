import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { RmqDeadLetter, RmqRetry } from '@acme/nest-rabbitmq';
import { UseGuards } from '@nestjs/common';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConsumerGround } from './support/consumer-ground.js';
import { CONSUMERS, slug, type ConsumerOptions } from './support/consumers.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

afterEach(() => ConsumerGround.closeAll());

const fail = (): never => {
  throw new Error('not now');
};
const times = (attempts: number) => ({ attempts, backoff: [50], jitter: false }) as const;

describe.each(CONSUMERS)('the policy of %s', (kind, open) => {
  const ground = () => {
    const suffixes = ['retry.50', 'dlq', 'given-up'];
    const own = new ConsumerGround(broker, open, `${slug(kind)}-policy`, suffixes);
    const { queue } = own;
    const start = (options: Partial<ConsumerOptions> = {}) =>
      own.start({ handle: fail, ...options });
    const publish = () => own.publish('m-1');
    const parked = async (where = `${queue}.dlq`) => {
      await waitFor(async () => (await broker.queue(where))?.messages === 1);
      return (await broker.take(where))[0]!.properties.headers!;
    };
    return { queue, start, publish, parked };
  };

  it.each<
    [what: string, said: { all: number; queue?: number; class?: number; method?: number }, number]
  >([
    ['the module', { all: 2 }, 2],
    ['the queue before the module', { all: 9, queue: 2 }, 2],
    ['the class before the queue', { all: 9, queue: 9, class: 2 }, 2],
    ['the method before the class', { all: 9, queue: 9, class: 9, method: 2 }, 2],
    ['the method before the module', { all: 1, method: 3 }, 3],
  ])('is what is said by %s', async (_, said, attempts) => {
    const { queue, start, publish, parked } = ground();
    const consumer = await start({
      module: {
        retry: times(said.all),
        queues: said.queue ? { [queue]: { retry: { attempts: said.queue } } } : {},
      },
      decorators: {
        class: said.class ? RmqRetry({ attempts: said.class }) : undefined,
        method: said.method ? RmqRetry({ attempts: said.method }) : undefined,
      },
    });
    await publish();
    await expect(parked()).resolves.toMatchObject({ 'x-attempt': attempts });
    expect(consumer.handled).toHaveLength(attempts);
  });

  it('is that of the handler also where a guard fails, before the handler is reached', async () => {
    const { start, publish, parked } = ground();
    let guarded = 0;
    const guard = {
      canActivate: () => {
        guarded += 1;
        return fail();
      },
    };
    const guards = UseGuards(guard);
    const retries = RmqRetry(times(3));
    await start({
      module: { retry: { attempts: 1 } },
      decorators: {
        method: (...on) => {
          guards(...on);
          retries(...on);
        },
      },
    });
    await publish();
    await expect(parked()).resolves.toMatchObject({ 'x-attempt': 3 });
    expect(guarded).toBe(3);
  });

  it('has its own place for what is given up, and each option is taken by itself', async () => {
    const { queue, start, publish, parked } = ground();
    const place = `${queue}.given-up`;
    await start({
      module: { retry: times(1), deadLetter: { stack: false } },
      decorators: { class: RmqDeadLetter({ queue: place }) },
    });
    await publish();
    await expect(parked(place)).resolves.not.toHaveProperty('x-error-stack');
    expect(await broker.queue(`${queue}.dlq`)).toBeUndefined();
  });

  it('is written down at boot, and what belongs to it is declared', async () => {
    const { queue, start } = ground();
    const { log } = await start({
      prefetch: 7,
      module: { retry: times(2) },
      decorators: { method: RmqDeadLetter({ queue: `${queue}.given-up` }) },
    });
    const [table] = log.messages('log').filter((text) => text.startsWith('Consuming:'));
    expect(table!.replaceAll(/ {2,}/g, ' | ').split('\n').slice(1)).toEqual([
      'queue | consumer | handler | what becomes of a message that fails',
      `${queue} | ${kind === 'golevelup' ? kind : 'Nest'}, prefetch 7 | Events.placed (placed) | ` +
        `2 attempts, after 50 ms, then "${queue}.given-up"`,
    ]);
    expect(await broker.queue(`${queue}.retry.50`)).toMatchObject({ messages: 0 });
    expect(await broker.queue(`${queue}.given-up`)).toMatchObject({ messages: 0 });
    expect(log.messages('warn').filter((text) => text.startsWith('queues:'))).toEqual([]);
  });

  it('is said at boot where it is of a queue that nobody consumes here', async () => {
    const { queue, start } = ground();
    const slip = broker.name('order');
    for (const suffix of ['retry.50', 'dlq']) broker.name(`order.${suffix}`);
    const { log } = await start({
      module: { retry: times(2), queues: { [slip]: {}, [queue]: {} } },
    });
    const [warning] = log.messages('warn').filter((text) => text.startsWith('queues:'));
    expect(warning).toContain(
      `queues: "${slip}" is not consumed by this application, which consumes "${queue}"`,
    );
  });
});
