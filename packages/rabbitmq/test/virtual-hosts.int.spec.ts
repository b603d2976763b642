// One application consumes queues of the same name in two virtual hosts of one broker, or at two brokers.
import { openContext, startPrivate, tcpProxy, waitFor } from '@acme/internal-testing';
import {
  DeadLetters,
  RabbitMqConfigurationError,
  Topology,
  type Connect,
} from '@acme/nest-rabbitmq';
import { connect, type ChannelModel } from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ofSeveral } from './support/brokers-example.js';
import { CountedAttempts } from './support/counted-attempts.js';
import { KeptOrder } from './support/kept-order.js';
import { TWO_PLACES, type Handled, type TwoPlaces } from './support/two-places.js';

const QUEUE = 'orders';
const TYPES = ['quorum', 'classic'] as const;
const RETRY = { attempts: 2, backoff: 'fixed', initial: 50, jitter: false } as const;

/** One place of two, looked at from outside. */
class Ground {
  readonly connect: Connect = () => connect(this.url);

  private constructor(
    readonly url: string,
    private readonly connection: ChannelModel,
  ) {}

  static async at(url: string): Promise<Ground> {
    const connection = await connect(url);
    connection.on('error', () => {});
    return new Ground(url, connection);
  }

  close = (): Promise<void> => this.connection.close();

  /** Messages of a queue; undefined where there is none. */
  async messages(queue: string): Promise<number | undefined> {
    const channel = await this.connection.createChannel();
    channel.on('error', () => {});
    try {
      const { messageCount } = await channel.checkQueue(queue);
      await channel.close();
      return messageCount;
    } catch {
      return undefined;
    }
  }

  async send(from: string): Promise<void> {
    const channel = await this.connection.createConfirmChannel();
    const body = Buffer.from(JSON.stringify(from));
    const headers = { 'x-key': 'k', 'x-sequence': 1 };
    channel.sendToQueue(QUEUE, body, { type: 'placed', messageId: from, headers });
    await channel.waitForConfirms();
    await channel.close();
  }

  /** One that somebody has taken and not settled. */
  async sendAgain(from: string): Promise<void> {
    await this.declare();
    await this.send(from);
    const channel = await this.connection.createChannel();
    await waitFor(async () => (await channel.get(QUEUE)) !== false, { what: 'a message' });
    await channel.close();
  }

  async declare(): Promise<void> {
    const channel = await this.connection.createChannel();
    await channel.assertQueue(QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await channel.close();
  }

  async empty(): Promise<void> {
    const channel = await this.connection.createChannel();
    for (const suffix of ['', '.dlq', '.retry.50', '.retry.100'])
      await channel.deleteQueue(`${QUEUE}${suffix}`);
    await channel.close();
  }
}

const grounds: Ground[] = [];
/** Two virtual hosts of one broker, and another broker whose virtual host has the name of the first. */
let shop: Ground;
let billing: Ground;
let abroad: Ground;

beforeAll(async () => {
  const [broker, other] = await Promise.all([startPrivate('rabbitmq'), startPrivate('rabbitmq')]);
  const place = async (server: typeof broker, vhost: string): Promise<Ground> => {
    await server.control('add_vhost', vhost);
    await server.control('set_permissions', '-p', vhost, 'guest', '.*', '.*', '.*');
    const url = new URL(server.url);
    url.pathname = `/${encodeURIComponent(vhost)}`;
    const ground = await Ground.at(url.href);
    grounds.push(ground);
    return ground;
  };
  shop = await place(broker, 'shop');
  billing = await place(broker, "eve's/billing");
  abroad = await place(other, 'shop');
}, 120_000);

afterAll(() => Promise.all(grounds.map((ground) => ground.close())));

let opened: TwoPlaces | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
  for (const ground of grounds) await ground.empty();
});

/** `connect` leads to both, the second first: nothing goes by its place in the list. */
const both = (one: Ground, other: Ground) => [other.connect, one.connect];
const failing = (): never => {
  throw new Error('not now');
};
const once = (_payload: unknown, attempt: number): void => {
  if (attempt === 1) failing();
};
/** What came, and whether all of it came to one place. */
const cameTo = (handled: readonly Handled[]) =>
  Object.fromEntries(
    [...new Set(handled.map(([from]) => from as string))].map((from) => {
      const own = handled.filter(([one]) => one === from);
      const consumers = new Set(own.map(([, , consumer]) => consumer));
      return [from, { attempts: own.map(([, attempt]) => attempt), consumers: consumers.size }];
    }),
  );
const RETRIED = { attempts: [1, 2], consumers: 1 };

describe.each(TWO_PLACES)('%s', (_kind, open) => {
  const consume = async (
    places: readonly [Ground, Ground],
    options: object,
    handle: typeof once,
  ) => {
    const [one, other] = places;
    opened = await open({
      urls: [one.url, other.url],
      queue: QUEUE,
      queueType: 'quorum',
      handle,
      ...options,
      module: {
        connect: both(one, other),
        retry: RETRY,
        ...(options as { module?: object }).module,
      },
    });
    return opened;
  };

  it.each(TYPES)('brings a retry back to its own virtual host: %s queue', async (queueType) => {
    const { handled, log } = await consume([shop, billing], { queueType }, once);
    await Promise.all([shop.send('shop'), billing.send('billing')]);
    await waitFor(() => handled.length === 4);
    expect(cameTo(handled)).toEqual({ billing: RETRIED, shop: RETRIED });
    const [table] = log.messages('log').filter((text) => text.startsWith('Consuming:'));
    expect(table).toContain('orders in "shop"');
    expect(table).toContain(`orders in "eve's/billing"`);
  });

  it('parks where a message came from, and its desk is of the first', async () => {
    await consume([shop, billing], {}, failing);
    await shop.send('shop');
    await waitFor(async () => (await shop.messages(`${QUEUE}.dlq`)) === 1);
    expect(await billing.messages(`${QUEUE}.dlq`)).toBeUndefined();
    await billing.send('billing');
    await waitFor(async () => (await billing.messages(`${QUEUE}.dlq`)) === 1);
    expect(await shop.messages(`${QUEUE}.dlq`)).toBe(1);
    const { messages } = await opened!.app.get(DeadLetters).list(`${QUEUE}.dlq`);
    expect(messages.map(({ messageId }) => messageId)).toEqual(['billing']);
  });

  it('tells brokers apart whose virtual hosts have one name', async () => {
    const { handled } = await consume([shop, abroad], {}, once);
    await Promise.all([shop.send('home'), abroad.send('abroad')]);
    await waitFor(() => handled.length === 4);
    expect(cameTo(handled)).toEqual({ abroad: RETRIED, home: RETRIED });
  });

  it('keeps a message whose broker no connection leads to, although another has such a queue', async () => {
    const options = { module: { connect: shop.connect } };
    const { handled, log } = await consume([shop, abroad], options, once);
    await abroad.send('abroad');
    await waitFor(() =>
      log.messages('error').some((text) => /consumed from virtual host "shop" of/.test(text)),
    );
    expect(await shop.messages(`${QUEUE}.retry.50`)).toBeUndefined();
    await opened!.close();
    opened = undefined;
    expect(cameTo(handled)).toEqual({ abroad: { attempts: [1], consumers: 1 } });
    expect(await abroad.messages(QUEUE)).toBe(1);
  });

  it('does not start where no connection leads to a virtual host that is consumed from', async () => {
    const starting = consume([shop, billing], { module: { connect: shop.connect } }, once);
    await expect(starting).rejects.toThrow(RabbitMqConfigurationError);
    await expect(starting).rejects.toThrow(
      /"orders" is consumed by \w+ from virtual host "eve's\/billing", and connect leads to virtual host "shop" of cluster/,
    );
  });

  it('goes on in one virtual host while the connection to another is down, from the start', async () => {
    const proxy = await tcpProxy(billing.url);
    proxy.down();
    const connects = [() => connect(proxy.url), shop.connect];
    const { handled } = await consume([shop, billing], { module: { connect: connects } }, once);
    await billing.send('billing');
    await waitFor(() => handled.length === 1);
    await shop.send('shop');
    await waitFor(() => handled.length === 3);
    proxy.restore();
    await waitFor(() => handled.length === 4);
    expect(cameTo(handled)).toEqual({ billing: RETRIED, shop: RETRIED });
    await opened!.close();
    opened = undefined;
    await proxy.close();
  });

  it('counts the crashes of a message in each virtual host by itself', async () => {
    await Promise.all([shop.sendAgain('same'), billing.sendAgain('same')]);
    const attempts = new CountedAttempts();
    const asked = vi.spyOn(attempts, 'crashes');
    const { handled } = await consume([shop, billing], { attempts }, () => {});
    await waitFor(() => handled.length === 2);
    expect(asked.mock.calls.map(([{ queue }]) => queue).toSorted()).toEqual([
      "//eve's%2Fbilling/orders",
      '//shop/orders',
    ]);
  });

  it('knows the order of a key in each virtual host by itself', async () => {
    const order = new KeptOrder();
    const kept = vi.spyOn(order, 'write');
    const { handled } = await consume([shop, billing], { order }, () => {});
    await Promise.all([shop.send('shop'), billing.send('billing')]);
    await waitFor(() => handled.length === 2 && kept.mock.calls.length === 2);
    expect(kept.mock.calls.map(([{ queue }]) => queue).toSorted()).toEqual([
      "//eve's%2Fbilling/orders",
      '//shop/orders',
    ]);
  });

  it('declares at boot where it consumes, and nothing of that in the first', async () => {
    const module = { queues: { [QUEUE]: {} }, topology: { queues: [{ name: `${QUEUE}.audit` }] } };
    // Both leave from the first: its queue is of nobody.
    opened = await open({
      urls: [billing.url, billing.url],
      queue: QUEUE,
      queueType: 'quorum',
      handle: once,
      module: { connect: [shop.connect, billing.connect], retry: RETRY, ...module },
    });
    expect(await billing.messages(`${QUEUE}.dlq`)).toBe(0);
    expect(await shop.messages(`${QUEUE}.dlq`)).toBeUndefined();
    await expect(opened.app.get(Topology).check()).resolves.toMatchObject({
      entries: [{ name: `${QUEUE}.audit`, state: 'present' }],
    });
  });

  it('says of a list that leads to one place twice what to do', async () => {
    const module = { connect: [shop.connect, () => connect(shop.url)] };
    await expect(consume([shop, shop], { module }, once)).rejects.toThrow(
      /connect\[1\] leads where connect\[0\] does: to virtual host "shop" of cluster ".+"\. .*connectToAny/,
    );
  });
});

it('starts as the guide has it', async () => {
  const { log, close } = await openContext(ofSeveral({ shop: shop.url, billing: billing.url }));
  expect([...log.messages('warn'), ...log.messages('error')]).toEqual([]);
  await close();
});
