import { describe, expect, it } from 'vitest';
import { TopologySeen } from '../../src/consumers/topology-seen.js';
import type { ConsumingChannelLike } from '../../src/consumers/consuming-channel-like.js';
import { queueAsDeclared } from '../../src/topology/as-declared.js';
import { RefusedDeclarations } from '../../src/topology/refused-declarations.js';
import type { Client } from '../../src/consumers/consumers.js';
import { fakeClient } from '../support/fake-channel.internal.js';
import type { Wanted } from '../../src/topology/wanted.js';

const answer = (code: number, words: string): Error => Object.assign(new Error(words), { code });
const differs = answer(
  406,
  "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'",
);

/** A broker that answers the two questions in this way, and can be reached from the given time on. */
function scene(broker: { passive?: Error; unreachable?: number }) {
  const told: string[] = [];
  const declared: boolean[] = [];
  let connects = 0;
  const channel = {
    on: () => {},
    close: async () => {},
    checkQueue: async () => {
      if (broker.passive) throw broker.passive;
    },
    assertQueue: async (_queue: string, { durable }: { durable: boolean }) => {
      declared.push(durable);
      if (durable) throw differs;
    },
  };
  const connect = async () => {
    connects += 1;
    if (connects <= (broker.unreachable ?? 0)) throw new Error('no broker');
    return { on: () => {}, close: async () => {}, createChannel: async () => channel } as never;
  };
  const refused = new RefusedDeclarations(async () => ({ connect, timeoutMs: 1_000 }), {
    error: (text: string) => void told.push(text),
  });
  const nest = { ...fakeClient, name: 'Nest' };
  const explain = (client: Client = nest) =>
    refused.explain({ wanted: queueAsDeclared('q'), client });
  return { told, declared, explain, refused, connects: () => connects };
}

describe('a declaration that was refused', () => {
  it('is explained once, however often it is tried', async () => {
    const { told, declared, explain, refused, connects } = scene({});
    await Promise.all([explain(), explain()]);
    await explain();
    await refused.close();
    expect(told).toEqual([
      expect.stringMatching(
        /^Nest cannot declare queue "q":\ndifferent +queue +q\n +durable: wanted true, is false/,
      ) as string,
    ]);
    expect(declared).toEqual([true, false]);
    expect(connects()).toBe(1);
  });

  it('is explained for each client: two may have it in two virtual hosts', async () => {
    const { told, explain } = scene({});
    await explain();
    await explain({ ...fakeClient, name: 'golevelup' });
    expect(told.map((text) => text.split(' ')[0])).toEqual(['Nest', 'golevelup']);
  });

  it('is not made where this connection leads to another virtual host: it would be taken there', async () => {
    const { told, declared, explain } = scene({ passive: answer(404, 'no queue') });
    await explain();
    expect([told, declared]).toEqual([[], []]);
  });

  it('is explained at the next try where the broker could not be asked', async () => {
    const { told, explain } = scene({ unreachable: 1 });
    await explain();
    expect(told).toEqual([]);
    await explain();
    expect(told).toHaveLength(1);
  });
});

describe('a channel that is watched', () => {
  const watched = (error: Error) => {
    const refused: Wanted[] = [];
    let go = (): void => {};
    const seen = new TopologySeen((wanted) => {
      refused.push(wanted);
      return new Promise((done) => (go = done));
    });
    const fail = () => Promise.reject(error);
    const channel = { assertQueue: fail, assertExchange: fail, bindQueue: async () => {} };
    seen.watch(channel as unknown as ConsumingChannelLike);
    return { channel: channel as unknown as ConsumingChannelLike, refused, go: () => go() };
  };

  it('passes a refusal on when it is explained: it may end the process', async () => {
    const { channel, refused, go } = watched(differs);
    let isOver = false;
    const queue = channel.assertQueue('q', { messageTtl: 5 }).finally(() => (isOver = true));
    queue.catch(() => {});
    await new Promise((done) => setImmediate(done));
    expect(isOver).toBe(false);
    expect(refused).toEqual([queueAsDeclared('q', { messageTtl: 5 })]);
    go();
    await expect(queue).rejects.toBe(differs);
    const exchange = channel.assertExchange!('e', 'topic', {});
    exchange.catch(() => {});
    await new Promise((done) => setImmediate(done));
    go();
    await expect(exchange).rejects.toBe(differs);
    expect(refused[1]).toMatchObject({ kind: 'exchange', name: 'e', as: { type: 'topic' } });
  });

  it('passes all else on at once', async () => {
    const lost = new Error('Channel closed');
    const { channel, refused } = watched(lost);
    await expect(channel.assertQueue('q')).rejects.toBe(lost);
    await expect(channel.assertExchange!('e', 'topic')).rejects.toBe(lost);
    expect(refused).toEqual([]);
  });
});
