import { afterEach, describe, expect, it, vi } from 'vitest';
import { Contexts } from '../src/context/contexts.js';
import type { MessageContext } from '../src/context/message-context.js';
import { DeadLetter, Requeue, RetryLater } from '../src/delivery/outcome-signals.js';
import { LocalHold } from '../src/delivery/settle-driver.js';
import {
  installGolevelupDoor,
  type GolevelupConnectionLike,
} from '../src/transports/golevelup/golevelup-door.js';
import { GolevelupDriver } from '../src/transports/golevelup/golevelup-driver.js';

const contexts = new Contexts({ generateId: () => 'id', trustIdentity: () => false }, () => {});
const delivery = () => ({
  content: Buffer.from('{}'),
  fields: { deliveryTag: 1, redelivered: false, exchange: '', routingKey: 'key' },
  properties: { headers: {} },
});

const settled: string[] = [];
const channel = {
  ack: () => void settled.push('ack'),
  reject: (_delivery: unknown, requeue: boolean) =>
    void settled.push(requeue ? 'requeue' : 'reject'),
} as never;
afterEach(() => void settled.splice(0));

function newDriver() {
  const hold = new LocalHold();
  hold.release();
  const warn = vi.fn<(text: string) => void>();
  const nack = (requeue: boolean) => `nack ${requeue ? 'requeue' : 'reject'}`;
  return {
    warn,
    driver: new GolevelupDriver({ nack, hold, log: { debug: warn, warn, error: warn } }),
  };
}

const contextOf = (raw: object): MessageContext =>
  contexts.open(
    { transport: 'golevelup', name: 'key', payload: 1, expectsReply: false, raw },
    true,
  );

const noPolicy = { ownFailurePolicy: false };

describe('what golevelup is told', () => {
  it('is what a returned signal says', async () => {
    const { driver } = newDriver();
    const handler = async () => new DeadLetter('RETURNED');
    expect(await driver.settle(contextOf(delivery()), handler, noPolicy)).toBe('nack reject');
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
        noPolicy,
      );
    };
    expect(await failsAfter('ack')).toBe('nack requeue');
    expect(await failsAfter('reject')).toBe('nack reject');
  });
});

describe('the error handler that golevelup gets', () => {
  it.each([
    ['ack', async () => 'returned'],
    [
      'reject',
      async () => {
        throw new DeadLetter('PARKED');
      },
    ],
    [
      'requeue',
      async () => {
        throw new RetryLater({ after: 0 });
      },
    ],
  ])('settles by %s what was handled and could not be finished', async (outcome, handler) => {
    const { driver } = newDriver();
    const own = vi.fn<() => void>();
    const raw = delivery();
    await driver.settle(contextOf(raw), handler, noPolicy);
    await driver.safeErrorHandler(own)(channel, raw as never, new Error('reply not written'));
    expect(settled).toEqual([outcome]);
    expect(own).not.toHaveBeenCalled();
  });

  it('never throws: that would be the end of the process', async () => {
    const { driver, warn } = newDriver();
    const own = () => {
      throw new Error('channel closed');
    };
    await driver.safeErrorHandler(own)(channel, delivery() as never, new Error('not JSON'));
    expect(warn.mock.calls.flat().join()).toContain('channel closed');
  });
});

describe('a handler with a failure policy of its own', () => {
  const own = () => {};
  const failure = new Error('for the policy');

  it.each([
    ['errorHandler', { errorHandler: own }],
    ['errorBehavior', { errorBehavior: 'ACK' }],
    ['errorHandler of its batch', { batchOptions: { errorHandler: own } }],
  ])('has errors left to its %s', async (_policy, options) => {
    const { driver } = newDriver();
    const given: { handler: (...args: unknown[]) => unknown; options: object }[] = [];
    const create = (handler: (...args: never[]) => unknown, given_: object) =>
      given.push({ handler: handler as never, options: given_ });
    const connection: GolevelupConnectionLike = {
      createSubscriber: create,
      createRpc: create,
      createBatchSubscriber: create,
    };
    installGolevelupDoor(connection, { contexts, driver, warn: () => {} });
    connection.createSubscriber(() => Promise.reject(failure), { queue: 'q', ...options });
    await expect(given[0]?.handler({}, delivery(), {})).rejects.toBe(failure);
    // golevelup prefers an error handler: beside a behaviour, one of ours would hide it.
    expect('errorHandler' in given[0]!.options).toBe(!('errorBehavior' in options));
  });

  it.each([
    ['ACK', true],
    ['REQUEUE', false],
  ])('is one whose module says %s: %s', async (defaultSubscribeErrorBehavior, isPolicy) => {
    const { driver } = newDriver();
    const given: { handler: (...args: unknown[]) => unknown; options: object }[] = [];
    const create = (handler: (...args: never[]) => unknown, options: object) =>
      given.push({ handler: handler as never, options });
    const connection: GolevelupConnectionLike = {
      createSubscriber: create,
      createRpc: create,
      createBatchSubscriber: create,
      configuration: { defaultSubscribeErrorBehavior },
    };
    installGolevelupDoor(connection, { contexts, driver, warn: () => {} });
    connection.createSubscriber(() => Promise.reject(failure), { queue: 'q' });
    const outcome = Promise.resolve(given[0]!.handler({}, delivery(), {})).catch(() => 'left');
    expect((await outcome) === 'left').toBe(isPolicy);
    expect('errorHandler' in given[0]!.options).toBe(!isPolicy);
  });

  it('cannot throw out of the handler of its batch', async () => {
    const { driver } = newDriver();
    const given: { batchOptions?: { errorHandler?: (...args: never[]) => unknown } }[] = [];
    const create = (_handler: unknown, options: object) => given.push(options);
    const connection: GolevelupConnectionLike = {
      createSubscriber: create,
      createRpc: create,
      createBatchSubscriber: create,
    };
    installGolevelupDoor(connection, { contexts, driver, warn: () => {} });
    const errorHandler = () => {
      throw failure;
    };
    connection.createBatchSubscriber(() => {}, { batchOptions: { errorHandler } });
    const safe = given[0]?.batchOptions?.errorHandler as (...args: unknown[]) => Promise<void>;
    await expect(safe(channel, [delivery()], failure)).resolves.toBeUndefined();
  });
});
