import { getHandlerForLegacyBehavior } from '@golevelup/nestjs-rabbitmq';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Contexts } from '../src/context/contexts.js';
import type { MessageContext } from '../src/context/message-context.js';
import { LocalSettlement } from '../src/delivery/local-settlement.js';
import { DeadLetter, Requeue, RetryLater, signalOf } from '../src/delivery/outcome-signals.js';
import {
  Settlement,
  type BrokerAnswer,
  type FailedHandling,
  type Settling,
} from '../src/delivery/settlement.js';
import {
  installGolevelupDoor,
  type GolevelupConnectionLike,
} from '../src/transports/golevelup/golevelup-door.js';
import { golevelupFacts, type AmqpDeliveryLike } from '../src/transports/amqp/amqp-facts.js';
import { GolevelupDriver } from '../src/transports/golevelup/golevelup-driver.js';

const contexts = new Contexts({ generateId: () => 'id', trustIdentity: () => false }, () => {});
const delivery = (properties: object = {}) => ({
  content: Buffer.from('{}'),
  fields: { deliveryTag: 1, redelivered: false, exchange: '', routingKey: 'key' },
  properties: { headers: {}, ...properties },
});

const settled: string[] = [];
const channel = {
  ack: () => void settled.push('ack'),
  nack: (_delivery: unknown, _all: boolean, requeue: boolean) =>
    void settled.push(requeue ? 'nack, requeue' : 'nack'),
  reject: (_delivery: unknown, requeue: boolean) =>
    void settled.push(requeue ? 'reject, requeue' : 'reject'),
} as never;
afterEach(() => void settled.splice(0));

const unreadable = (one: object, error: unknown): Settling => ({
  decision: { action: 'park', code: 'MESSAGE_UNREADABLE', reason: 'not JSON' },
  message: contexts.open(golevelupFacts(one as AmqpDeliveryLike, undefined, false), true).message,
  handler: undefined,
  deliveries: [one as AmqpDeliveryLike],
  queue: 'orders',
  needsRoutingKey: false,
  error,
});

/** Says always the same, and keeps what it was asked. */
class Saying extends Settlement {
  readonly keepsParked = false;
  readonly asked: Settling[] = [];

  constructor(private readonly said: BrokerAnswer) {
    super();
  }

  answer(settling: Settling): BrokerAnswer {
    this.asked.push(settling);
    return this.said;
  }

  release(): void {}
}

function released(): Settlement {
  const settlement = new LocalSettlement();
  settlement.release();
  return settlement;
}

function newDriver(settlement: Settlement = released()) {
  const warn = vi.fn<(text: string) => void>();
  const nack = (requeue: boolean) => `Nack ${requeue ? 'requeue' : 'reject'}`;
  return {
    warn,
    driver: new GolevelupDriver({ nack, settlement, log: { debug: warn, warn, error: warn } }),
  };
}

const contextOf = (raw: object, expectsReply = false): MessageContext =>
  contexts.open({ transport: 'golevelup', name: 'key', payload: 1, expectsReply, raw }, true);

const consumer = { ownFailurePolicy: false, queue: 'q', needsRoutingKey: false };

describe('what golevelup is told', () => {
  it('is what a returned signal says', async () => {
    const { driver } = newDriver();
    const handler = async () => new DeadLetter('RETURNED');
    expect(await driver.settle(contextOf(delivery()), handler, consumer)).toBe('Nack reject');
  });

  it('is the failure that followed an ack by hand, but no other decision', async () => {
    const { driver } = newDriver();
    const failsAfter = async (action: 'ack' | 'reject') => {
      const context = contextOf(delivery());
      return driver.settle(
        context,
        async () => {
          context.message.delivery.settle({ action });
          throw new Requeue();
        },
        consumer,
      );
    };
    expect(await failsAfter('ack')).toBe('Nack requeue');
    expect(await failsAfter('reject')).toBe('Nack reject');
  });

  it('is what the settlement answers, who is asked with all there is to know', async () => {
    const settlement = new Saying('reject');
    const raw = [delivery(), delivery()];
    const context = contextOf(raw);
    const failure = new DeadLetter('POISON');
    const handler = () => Promise.reject(failure);
    const told = newDriver(settlement).driver.settle(context, handler, {
      ...consumer,
      needsRoutingKey: true,
    });
    expect(await told).toBe('Nack reject');
    expect(settlement.asked).toEqual([
      {
        decision: expect.objectContaining({ action: 'park', code: 'POISON' }),
        message: context.message,
        deliveries: raw,
        queue: 'q',
        error: failure,
        needsRoutingKey: true,
      },
    ]);
  });

  it('comes from no settlement where the message is acked', async () => {
    const settlement = new Saying('reject');
    const { driver } = newDriver(settlement);
    const context = contextOf(delivery());
    const acks = async () => void context.message.delivery.settle({ action: 'ack' });
    await driver.settle(context, acks, consumer);
    expect(await driver.settle(contextOf(delivery()), async () => 5, consumer)).toBe(5);
    expect(settlement.asked).toEqual([]);
  });

  const fails = () => Promise.reject(new Error('not now'));

  it.each<[BrokerAnswer, unknown]>([
    ['reject', 'Nack reject'],
    ['requeue', 'Nack requeue'],
    ['ack', undefined],
  ])('is a return value for %s', async (answer, told) => {
    const { driver } = newDriver(new Saying(answer));
    expect(await driver.settle(contextOf(delivery()), fails, consumer)).toBe(told);
  });

  it.each<[BrokerAnswer, boolean, string]>([
    ['requeue-counted', false, 'reject, requeue'],
    // golevelup sends what a handler returns, even if that is nothing: the caller would take it for success.
    ['ack', true, 'ack'],
  ])('has no return value for %s (expects a reply: %s)', async (answer, expectsReply, outcome) => {
    const { driver, warn } = newDriver(new Saying(answer));
    const [policy, own] = [vi.fn<() => void>(), vi.fn<() => void>()];
    const batch = [delivery(), delivery()];
    const failure: unknown = await driver
      .settle(contextOf(batch, expectsReply), fails, consumer)
      .then(
        () => 'returned',
        (error: unknown) => error,
      );
    warn.mockClear();
    // golevelup writes it into its log: no stack, for it is no failure.
    expect((failure as Error).stack).toBe((failure as Error).message);
    await driver.safeErrorHandler({ behavior: policy }, unreadable)(
      channel,
      batch as never,
      failure,
    );
    await driver.safeErrorHandler({ errorHandler: own }, unreadable)(
      channel,
      batch[0] as never,
      failure,
    );
    expect(settled).toEqual([outcome, outcome, outcome]);
    for (const called of [policy, own, warn]) expect(called).not.toHaveBeenCalled();
  });
});

describe('the error handler that golevelup gets', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['ack', async () => 'returned'],
    ['reject', () => Promise.reject(new DeadLetter('PARKED'))],
    ['nack, requeue', () => Promise.reject(new RetryLater({ countAttempt: false }))],
  ])('settles by %s what was handled and could not be finished', async (outcome, handler) => {
    const { driver } = newDriver();
    const own = vi.fn<() => void>();
    const raw = delivery();
    await driver.settle(contextOf(raw), handler, consumer);
    const safe = driver.safeErrorHandler({ errorHandler: own }, unreadable);
    await safe(channel, raw as never, new Error('reply not written'));
    expect(settled).toEqual([outcome]);
    expect(own).not.toHaveBeenCalled();
  });

  it('never throws: that would be the end of the process', async () => {
    const { driver, warn } = newDriver();
    const closed = () => {
      throw new Error('channel closed');
    };
    for (const policy of [{ errorHandler: closed }, { behavior: closed }])
      await driver.safeErrorHandler(policy, unreadable)(
        channel,
        delivery() as never,
        new Error('not JSON'),
      );
    expect(
      warn.mock.calls
        .flat()
        .join()
        .match(/channel closed/g),
    ).toHaveLength(2);
  });
});

type Creator = 'createSubscriber' | 'createRpc' | 'createBatchSubscriber';
type Given = {
  handler: (...args: unknown[]) => unknown;
  options: {
    errorHandler: (...args: unknown[]) => Promise<void>;
    batchOptions?: { errorHandler?: (...args: unknown[]) => Promise<void> };
  };
};

/** What golevelup is given for a handler of these options. */
function givenTo(
  creator: Creator,
  handler: () => unknown,
  options: object,
  configuration?: GolevelupConnectionLike['configuration'],
  settlement?: Settlement,
): Given {
  const given: Given[] = [];
  const create = (wrapped: unknown, all: unknown) =>
    given.push({ handler: wrapped, options: all } as Given);
  const connection: GolevelupConnectionLike = {
    createSubscriber: create,
    publish: async () => true,
    createRpc: create,
    createBatchSubscriber: create,
    configuration,
  };
  installGolevelupDoor(connection, {
    contexts,
    driver: newDriver(settlement).driver,
    methodOf: () => undefined,
    behaviorOf: getHandlerForLegacyBehavior as never,
    keepsParked: false,
    warn: () => {},
  });
  connection[creator](handler, { queue: 'q', ...options });
  return given[0]!;
}

/** Has a handler that failed called once more. */
class Repeating extends Saying {
  override repeats(_failure: FailedHandling, failed: number): false | Promise<boolean> {
    return failed === 1 && Promise.resolve(true);
  }
}

describe('a handler that is called again', () => {
  const failing = (...outcomes: unknown[]) =>
    vi.fn<() => Promise<unknown>>(async () => {
      const outcome = outcomes.shift();
      if (outcome instanceof Error) throw outcome;
      return outcome;
    });

  it('has what it returns then', async () => {
    const { driver } = newDriver(new Repeating('requeue'));
    const handler = failing(new Error('passes'), 'a Nack of its own');
    expect(await driver.settle(contextOf(delivery()), handler, consumer)).toBe('a Nack of its own');
  });

  it('has what it throws then', async () => {
    const { driver } = newDriver(new Repeating('requeue'));
    const handler = failing(new Error('passes'), new Error('stays'));
    expect(await driver.settle(contextOf(delivery()), handler, consumer)).toBe('Nack requeue');
    expect(handler).toHaveBeenCalledTimes(2);
  });

  it('is not where somebody has decided, but for an ack that gives way', async () => {
    for (const [action, times] of [
      ['reject', 1],
      ['ack', 2],
    ] as const) {
      const { driver } = newDriver(new Repeating('requeue'));
      const context = contextOf(delivery());
      const handler = vi.fn<() => Promise<never>>(async () => {
        context.message.delivery.settle({ action });
        throw new Error('again');
      });
      await driver.settle(context, handler, consumer);
      expect([action, handler.mock.calls.length]).toEqual([action, times]);
    }
  });

  it('is where it asks to be called later or to be given back, and not by any other signal', async () => {
    for (const [signal, times] of [
      [new RetryLater(), 2],
      [new Requeue(), 2],
      [new DeadLetter('SOLD'), 1],
    ] as const) {
      const { driver } = newDriver(new Repeating('requeue'));
      const handler = failing(signal);
      await driver.settle(contextOf(delivery()), handler, consumer);
      expect([signal.message, handler.mock.calls.length]).toEqual([signal.message, times]);
    }
  });

  it('begins with what came in, as its handler, and with a signal of its own', async () => {
    const { driver } = newDriver(new Repeating('requeue'));
    const context = contextOf(delivery());
    const { message } = context;
    const seen: unknown[] = [];
    const handler = async (): Promise<void> => {
      seen.push([message.payload, message.isTaken, message.signal.aborted]);
      message.payload = 'replaced';
      message.isTaken = true;
      message.abandon(new Error('over'));
      if (seen.length === 1) throw new Error('at the commit');
    };
    await driver.settle(context, handler, consumer);
    expect(seen).toEqual([
      [1, false, false],
      [1, false, false],
    ]);
  });
});

describe('a request that fails', () => {
  const request = (sent: number | undefined): MessageContext =>
    contexts.open(
      {
        transport: 'golevelup',
        name: 'key',
        payload: 1,
        expectsReply: true,
        raw: delivery(),
        deadline: sent,
      },
      true,
    );
  const answered = async (context: MessageContext): Promise<unknown> => {
    const reply = vi.fn<(request: unknown, body: unknown) => Promise<void>>(async () => {});
    const { driver } = newDriver(new Saying('requeue'));
    const handler = () => Promise.reject(new DeadLetter('SOLD'));
    await driver.settle(context, handler, { ...consumer, reply }).catch(() => {});
    return (reply.mock.calls[0]?.[1] as { code?: string } | undefined)?.code;
  };

  it('is answered where its sender has said a deadline, and by that knows errors', async () => {
    await expect(answered(request(Date.now() + 5_000))).resolves.toBe('SOLD');
    await expect(answered(request(undefined))).resolves.toBeUndefined();
    const limited = request(undefined);
    limited.message.allow(5_000);
    await expect(answered(limited)).resolves.toBeUndefined();
  });

  it('is none to whoever only looks on', () => {
    const sent = delivery({ replyTo: 'replies' }) as AmqpDeliveryLike;
    expect(golevelupFacts(sent, 1, false).expectsReply).toBe(false);
    expect(golevelupFacts(sent, 1, true).expectsReply).toBe(true);
  });
});

describe('a body that golevelup cannot read', () => {
  it('is to blame itself, whatever was thrown: nobody is asked whether that may pass', async () => {
    const settlement = new Saying('ack');
    const { options } = givenTo('createSubscriber', () => undefined, {}, undefined, settlement);
    const thrown = new SyntaxError('Unexpected token');
    await options.errorHandler(channel, delivery(), thrown);
    const [settling] = settlement.asked;
    expect(settling?.decision).toMatchObject({ action: 'park', code: 'MESSAGE_UNREADABLE' });
    expect(signalOf(settling?.error)).toMatchObject({ action: 'park' });
    expect(settling?.error).toHaveProperty('cause', thrown);
  });
});

describe('a handler with a failure policy of its own', () => {
  const own = () => void settled.push('own');
  const failure = new Error('for the policy');
  const fails = () => Promise.reject(failure);

  it.each([
    ['errorHandler', { errorHandler: own }],
    ['errorBehavior', { errorBehavior: 'ACK' }],
    ['errorHandler of its batch', { batchOptions: { errorHandler: own } }],
  ])('has errors left to its %s', async (_policy, options) => {
    const { handler } = givenTo('createSubscriber', fails, options);
    await expect(handler({}, delivery(), {})).rejects.toBe(failure);
  });

  it.each([
    ['ACK', true],
    ['REQUEUE', false],
  ])('is one whose module says %s: %s', async (defaultSubscribeErrorBehavior, isPolicy) => {
    const { handler } = givenTo('createSubscriber', fails, {}, { defaultSubscribeErrorBehavior });
    const left: unknown = await Promise.resolve(handler({}, delivery(), {})).catch(
      (error: unknown) => error,
    );
    // What is given back counted is thrown, too, but it is not the failure.
    expect(left === failure).toBe(isPolicy);
  });

  // golevelup prefers an error handler to a behaviour: ours has to do what it hides.
  it.each<[Creator, object, object, string]>([
    ['createSubscriber', { errorBehavior: 'ACK' }, {}, 'ack'],
    ['createSubscriber', { errorBehavior: 'NACK' }, {}, 'nack'],
    ['createSubscriber', { errorBehavior: 'REQUEUE' }, {}, 'nack, requeue'],
    ['createSubscriber', {}, { defaultSubscribeErrorBehavior: 'NACK' }, 'nack'],
    [
      'createSubscriber',
      { errorBehavior: 'ACK' },
      { defaultSubscribeErrorBehavior: 'NACK', defaultRpcErrorHandler: own },
      'ack',
    ],
    ['createSubscriber', { errorBehavior: 'ACK', errorHandler: own }, {}, 'own'],
    ['createBatchSubscriber', { errorBehavior: 'ACK' }, {}, 'ack'],
    ['createRpc', { errorBehavior: 'ACK' }, {}, 'ack'],
    ['createRpc', { errorBehavior: 'ACK' }, { defaultRpcErrorHandler: own }, 'own'],
    // Without a policy: what reaches the error handler cannot be read.
    ['createSubscriber', {}, {}, 'reject'],
    ['createSubscriber', {}, { defaultSubscribeErrorBehavior: 'REQUEUE' }, 'reject'],
    ['createRpc', {}, { defaultRpcErrorHandler: own }, 'reject'],
  ])('%s with %j in a module with %j: %s', async (creator, options, configuration, outcome) => {
    const given = givenTo(creator, fails, options, configuration);
    await given.options.errorHandler(channel, delivery(), failure);
    expect(settled).toEqual([outcome]);
  });

  it('has what is given back counted behind its behaviour', async () => {
    const signals = () => Promise.reject(new RetryLater({ after: 0 }));
    const given = givenTo('createSubscriber', signals, { errorBehavior: 'ACK' });
    const raw = delivery();
    const thrown: unknown = await Promise.resolve(given.handler({}, raw, {})).catch(
      (error: unknown) => error,
    );
    await given.options.errorHandler(channel, raw, thrown);
    expect(settled).toEqual(['reject, requeue']);
  });

  it('cannot throw out of the handler of its batch', async () => {
    const errorHandler = () => {
      throw failure;
    };
    const { options } = givenTo('createBatchSubscriber', () => {}, {
      batchOptions: { errorHandler },
    });
    const safe = options.batchOptions!.errorHandler!;
    await expect(safe(channel, [delivery()], failure)).resolves.toBeUndefined();
  });
});

describe('the name of a message', () => {
  const nameOf = async (fields: object, properties: object): Promise<string> => {
    const settlement = new Saying('reject');
    const parks = () => Promise.reject(new DeadLetter('POISON'));
    const { handler } = givenTo('createSubscriber', parks, {}, undefined, settlement);
    const one = delivery(properties);
    const raw = { ...one, fields: { ...one.fields, ...fields } };
    await handler({}, raw, {});
    await handler([{}], [raw], [{}]);
    const [alone, inBatch] = settlement.asked.map(({ message }) => message.name);
    expect(inBatch).toBe(alone);
    return alone!;
  };
  const headers = { 'x-original-exchange': 'events', 'x-original-routing-key': 'placed' };
  const returned = { exchange: '', routingKey: 'orders.queue' };

  it.each([
    [
      'its type',
      { exchange: 'events', routingKey: 'key' },
      { type: 'order.placed' },
      'order.placed',
    ],
    ['its routing key', { exchange: 'events', routingKey: 'key' }, {}, 'key'],
    ['its routing key where it was sent to a queue', returned, {}, 'orders.queue'],
    ['that of its first journey where it came back', returned, { headers }, 'placed'],
    ['its type, also where it came back', returned, { headers, type: 'a' }, 'a'],
    ['not what somebody forwarded', { exchange: 'e', routingKey: 'key' }, { headers }, 'key'],
  ])('is %s', async (_what, fields, properties, name) => {
    expect(await nameOf(fields, properties)).toBe(name);
  });
});
