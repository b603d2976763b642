import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { AmqpDeliveryLike } from '../src/transports/amqp/amqp-facts.js';
import { Replies, type ReplyingServerLike } from '../src/transports/rpc/replies.js';

const delivery = { fields: { deliveryTag: 1 }, properties: {} } as AmqpDeliveryLike;
const context = {
  getMessage: () => delivery,
  getChannelRef: () => undefined,
  getPattern: () => 'total',
};
const last = { response: 1, isDisposed: true };

/** A server that sends as Nest's does; the test confirms. */
function setUp(sendMessage?: ReplyingServerLike['sendMessage']) {
  const confirms: { done: () => void; fail: (error: Error) => void }[] = [];
  const channel = {
    sendToQueue: (..._args: unknown[]): Promise<void> =>
      new Promise((done, fail) => confirms.push({ done, fail })),
  };
  const server: Required<ReplyingServerLike> = {
    channel,
    sendMessage: sendMessage ?? ((packet) => void channel.sendToQueue(JSON.stringify(packet))),
  };
  const warn = vi.fn<(text: string) => void>();
  const replies = Replies.of(server, warn)!;
  const settle = vi.fn<() => void>();
  replies.expect(delivery, settle);
  const send = (packet: object): unknown => server.sendMessage(packet, 'replies', '1', context);
  return { server, replies, settle, send, confirms, warn };
}

describe('a request', () => {
  it('is settled once, when all parts of its reply are confirmed, in whatever order', async () => {
    const { send, confirms, settle } = setUp();
    for (const packet of [{ response: 1 }, { response: 2 }, { isDisposed: true }]) send(packet);
    confirms[2]!.done();
    confirms[0]!.done();
    await turn();
    expect(settle).not.toHaveBeenCalled();
    confirms[1]!.done();
    await turn();
    expect(settle).toHaveBeenCalledTimes(1);
  });

  it('is not while there may be another part', async () => {
    const { send, confirms, settle, replies } = setUp();
    send({ response: 1 });
    confirms[0]!.done();
    replies.ended(delivery);
    await turn();
    await turn();
    expect(settle).not.toHaveBeenCalled();
  });

  it('is settled where its reply did not arrive, too: nobody will get it', async () => {
    const { send, confirms, settle, warn } = setUp();
    send(last);
    confirms[0]!.fail(new Error('channel closed'));
    await turn();
    expect(settle).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls.join()).toContain('channel closed');
  });

  it('is answered with an error where its reply cannot be written down', async () => {
    const sent: object[] = [];
    const { send, settle } = setUp((packet) => {
      if (!('err' in packet)) throw new TypeError('a BigInt');
      sent.push(packet);
    });
    send({ id: '7', ...last });
    await turn();
    expect(sent).toEqual([{ id: '7', err: expect.anything() as object, isDisposed: true }]);
    expect(settle).toHaveBeenCalledTimes(1);
  });

  it('is settled where not even the error can be', async () => {
    const { send, settle, warn } = setUp(() => {
      throw new TypeError('nothing at all');
    });
    expect(send(last)).toBeUndefined();
    await turn();
    expect(settle).toHaveBeenCalledTimes(1);
    expect(warn).toHaveBeenCalledTimes(2);
  });

  it('waits for a server that takes its time to send, and so does the next part', async () => {
    let sent!: () => void;
    const { send, settle } = setUp(() => new Promise<void>((done) => (sent = done)));
    const returned = send(last);
    expect(returned).toBeInstanceOf(Promise);
    await turn();
    expect(settle).not.toHaveBeenCalled();
    sent();
    await turn();
    expect(settle).toHaveBeenCalledTimes(1);
  });

  it('is settled when it has ended, where the server replies by a way of its own', async () => {
    const { replies, settle } = setUp();
    replies.ended(delivery);
    await turn();
    await turn();
    expect(settle).toHaveBeenCalledTimes(1);
  });
});

it('leaves alone what is no reply of RabbitMQ: Kafka has another order', () => {
  const sendMessage = vi.fn<(...args: unknown[]) => string>(() => 'sent');
  const server = { sendMessage } as unknown as Required<ReplyingServerLike>;
  Replies.of(server, () => {});
  const args = [{ response: 1 }, 'topic', '0', 'correlation id', {}] as never;
  expect(server.sendMessage(...(args as Parameters<typeof server.sendMessage>))).toBe('sent');
  expect(sendMessage).toHaveBeenCalledWith(...(args as unknown[]));
});

it('is only of servers that reply', () => {
  expect(Replies.of({}, () => {})).toBeUndefined();
});
