import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import type { SettleDecision } from '../src/delivery/decision.js';
import { RecordedDelivery } from '../src/delivery/delivery.js';
import { guardedChannel } from '../src/transports/amqp/guarded-channel.js';
import { Discard, Requeue, RetryLater, SIGNAL } from '../src/delivery/outcome-signals.js';
import { reportFailure } from '../src/delivery/report-failure.js';
import { NestRmqDriver } from '../src/transports/rpc/nest-rmq-driver.js';
import { Contexts } from '../src/context/contexts.js';
import { LocalSettlement } from '../src/delivery/local-settlement.js';

class Channel extends EventEmitter {
  readonly settled: unknown[][] = [];
  #prefetch = 0;

  ack = (...args: unknown[]): void => void this.settled.push(['ack', ...args]);
  nack = (...args: unknown[]): void => void this.settled.push(['nack', ...args]);
  reject = (...args: unknown[]): void => void this.settled.push(['reject', ...args]);
  ackAll = (): void => void this.settled.push(['ackAll']);
  nackAll = (requeue?: boolean): void => void this.settled.push(['nackAll', requeue]);

  prefetch(count: number): number {
    this.#prefetch = count;
    return this.#prefetch;
  }
}

const message = (deliveryTag: number) => ({ fields: { deliveryTag }, content: 'x' });

describe('the channel that a handler sees', () => {
  const setUp = () => {
    const ignored: unknown[] = [];
    const delivery = new RecordedDelivery(true, (later) => ignored.push(later.action));
    const channel = new Channel();
    const mine = message(7);
    return { ignored, delivery, channel, mine, guarded: guardedChannel(channel, mine, delivery) };
  };

  it.each<[string, (c: Channel, m: object) => void, SettleDecision]>([
    ['ack', (c, m) => c.ack(m), { action: 'ack' }],
    ['ack of a copy', (c, m) => c.ack({ ...m }), { action: 'ack' }],
    ['ack of all up to it', (c, m) => c.ack(m, true), { action: 'ack' }],
    ['ackAll', (c) => c.ackAll(), { action: 'ack' }],
    ['nack', (c, m) => c.nack(m), { action: 'requeue' }],
    ['nack without requeue', (c, m) => c.nack(m, false, false), { action: 'reject' }],
    ['nackAll', (c) => c.nackAll(), { action: 'requeue' }],
    ['nackAll without requeue', (c) => c.nackAll(false), { action: 'reject' }],
    ['reject', (c, m) => c.reject(m), { action: 'retry', afterMs: 0, countAttempt: true }],
    ['reject without requeue', (c, m) => c.reject(m, false), { action: 'reject' }],
  ])('records %s and settles nothing yet', (_name, settle, decision) => {
    const { delivery, channel, mine, guarded, ignored } = setUp();
    settle(guarded, mine);
    settle(guarded, mine);
    expect(delivery.decision).toEqual(decision);
    expect(channel.settled).toEqual([]);
    expect(ignored).toEqual([decision.action]);
  });

  it('names the handler that has decided, and not one that handles another message', () => {
    const contexts = new Contexts({ generateId: () => 'id', trustIdentity: () => false }, () => {});
    const facts = {
      transport: 'rmq',
      name: 'n',
      payload: 1,
      expectsReply: false,
      raw: {},
    } as const;
    const [first, other] = [contexts.open(facts, true), contexts.open(facts, true)];
    const sibling = contexts.sibling(first, facts);
    sibling.run(() => first.message.delivery.settle({ action: 'requeue' }));
    first.run(() => other.message.delivery.settle({ action: 'requeue' }));
    expect(first.message.delivery.decidedIn).toBe(sibling);
    expect(other.message.delivery.decidedIn).toBeUndefined();
  });

  it('settles other deliveries as it is told', () => {
    const { delivery, channel, guarded } = setUp();
    const other = message(8);
    guarded.ack(other, true);
    guarded.nack(other, false, false);
    guarded.reject(other, true);
    expect(channel.settled).toEqual([
      ['ack', other, true],
      ['nack', other, false, false],
      ['reject', other, true],
    ]);
    expect(delivery.decision).toBeUndefined();
  });

  it('is the channel in everything else', () => {
    const { channel, guarded } = setUp();
    expect(guarded).toBeInstanceOf(Channel);
    expect(guarded.prefetch(5)).toBe(5);
    const heard = vi.fn<() => void>();
    guarded.once('drain', heard);
    channel.emit('drain');
    expect(heard).toHaveBeenCalledOnce();
  });
});

describe('a delivery', () => {
  it('keeps the first decision and says which came too late', () => {
    const ignored: [unknown, unknown][] = [];
    const delivery = new RecordedDelivery(true, (...both) => ignored.push(both));
    expect(delivery.settle({ action: 'requeue' })).toBe(true);
    expect(delivery.settle({ action: 'ack' })).toBe(false);
    expect(delivery.decision).toEqual({ action: 'requeue' });
    expect(ignored).toEqual([[{ action: 'ack' }, { action: 'requeue' }]]);
  });
});

describe('what is written of a failure', () => {
  const lineFor = (error: unknown, decision: SettleDecision = { action: 'reject' }): string => {
    const lines: string[] = [];
    const log = {
      debug: (text: string) => lines.push(`debug: ${text}`),
      warn: (text: string) => lines.push(text),
      error: (text: string) => lines.push(text),
    };
    const message = { name: 'order.placed.v1', messageId: 'm-1', attempt: 2 };
    reportFailure(log, message as never, error, decision);
    return lines.join('\n');
  };

  it('names the message and the causes, each once', () => {
    const socket = new Error('connect ECONNREFUSED');
    const driver = new Error('no connection', { cause: socket });
    expect(lineFor(new Error('the order was not stored', { cause: driver }))).toBe(
      'Handling "order.placed.v1" m-1, attempt 2 failed: Error: the order was not stored, caused by: no connection, ' +
        'caused by: connect ECONNREFUSED (reject)',
    );
    expect(lineFor(new Error('failed: no connection', { cause: driver }))).toMatch(
      /failed: no connection, caused by: connect ECONNREFUSED \(/,
    );
  });

  it('is for whoever looks closer where the message is not to blame: nothing has failed', () => {
    const signal = new RetryLater({ after: 5, countAttempt: false, code: 'IN_FLIGHT' });
    expect(lineFor(signal, signal[SIGNAL])).toMatch(/^debug: .* was put off: .*IN_FLIGHT/);
    const counted = new RetryLater({ after: 5 });
    expect(lineFor(counted, counted[SIGNAL])).toMatch(/^Handling .* failed/);
  });

  it('ends, and does not fail itself, whatever was thrown', () => {
    const circle = new Error('a') as Error & { cause?: unknown };
    circle.cause = circle;
    expect(lineFor(circle)).toContain('Error: a (reject)');
    expect(lineFor(Object.create(null))).toContain('cannot be written as text');
  });
});

describe('the driver of Nest’s RabbitMQ server', () => {
  const setUp = () => {
    const settlement = new LocalSettlement();
    settlement.release();
    const asked = vi.spyOn(settlement, 'answer');
    const warn = vi.fn<(text: string) => void>();
    const contexts = new Contexts({ generateId: () => 'id', trustIdentity: () => false }, warn);
    const facts = {
      transport: 'rmq',
      name: 'n',
      payload: 1,
      expectsReply: false,
      raw: {},
    } as const;
    const delivery = { ...message(7), properties: {} } as never;
    const log = { debug: warn, warn, error: warn };
    const driver = new NestRmqDriver({
      settlement,
      log,
      server: { queue: 'orders' },
    });
    return { asked, warn, delivery, driver, context: contexts.open(facts, true) };
  };

  it('acks before it returns, without asking the settlement', () => {
    const { asked, driver, context, delivery } = setUp();
    const channel = new Channel();
    driver.succeeded(context, delivery, channel);
    driver.failed(new Discard('OLD_NEWS'), context, delivery, channel);
    expect(channel.settled).toEqual([
      ['ack', delivery],
      ['ack', delivery],
    ]);
    expect(asked).not.toHaveBeenCalled();
  });

  it('gives back the one delivery, not those before it', () => {
    const { driver, context, delivery } = setUp();
    const channel = new Channel();
    driver.failed(new Requeue(), context, delivery, channel);
    expect(channel.settled).toEqual([['nack', delivery, false, true]]);
  });

  it('never throws: a closed channel has given the message back already', () => {
    const { driver, context, delivery, warn } = setUp();
    const closed = (): never => {
      throw new Error('Channel closed');
    };
    const channel = { ack: closed, nack: closed, reject: closed };
    driver.succeeded(context, delivery, channel);
    driver.failed(new Error('x'), context, delivery, channel);
    driver.failed(new Requeue(), context, delivery, channel);
    const told = warn.mock.calls.flat().filter((text) => text.includes('its channel is closed'));
    expect(told).toHaveLength(3);
  });
});
