import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { waitQueue } from '../../src/core/hop-queues.js';
import { HopConnection } from '../../src/settlement/hop-connection.js';
import { HopConnections } from '../../src/settlement/hop-connections.js';
import type { Hop } from '../../src/settlement/hop-publisher.js';
import { fakeClient } from '../support/fake-channel.internal.js';

/** A virtual host as a connection shows it, with any queue but the one that nobody has. */
class FakePlace {
  readonly published: string[] = [];
  readonly opened: EventEmitter[] = [];
  asked = 0;
  isSilent = false;

  constructor(
    private readonly cluster: string | undefined,
    private readonly name: string,
  ) {}

  readonly connect = async () => {
    const connection = Object.assign(new EventEmitter(), {
      connection: { serverProperties: { cluster_name: this.cluster, version: '4.0.0' } },
      createChannel: async () => this.#channel(),
      createConfirmChannel: async () => this.#channel(),
      close: async () => {},
    });
    this.opened.push(connection);
    return connection as never;
  };

  #channel() {
    return Object.assign(new EventEmitter(), {
      close: async () => {},
      checkExchange: async () => {},
      assertQueue: async () => {},
      checkQueue: async (queue: string) => {
        if (!queue.startsWith('nest-rabbitmq-where.')) return;
        this.asked += 1;
        if (this.isSilent) throw new Error('Channel closed');
        const words = `NOT_FOUND - no queue '${queue}' in vhost '${this.name}'`;
        throw Object.assign(new Error(words), { code: 404 });
      },
      publish: (_: string, key: string, __: Buffer, ___: object, told: (no: null) => void) => {
        this.published.push(key);
        told(null);
        return true;
      },
    });
  }
}

const hop = (): Hop => ({
  delivery: { content: Buffer.from('{}') },
  properties: { headers: {}, persistent: true },
  source: 'orders',
  target: waitQueue('orders', 1_000, 'classic'),
});

/** Connections to these, and one client that consumes from wherever the test says. */
function scene(...places: FakePlace[]) {
  let consuming: unknown;
  const client = { ...fakeClient, connection: () => consuming as never };
  const all = places.map(({ connect }) => new HopConnection(connect, 1_000));
  const connections = new HopConnections(all, { clientOf: () => client }, 1_000);
  const publish = (): Promise<void> => connections.publish(hop());
  const consumeFrom = async (place: FakePlace): Promise<void> => {
    consuming = await place.connect();
  };
  const disconnect = (): void => void (consuming = undefined);
  return { connections, publish, consumeFrom, disconnect };
}

const KEY = 'orders.retry.1000';

describe('a message that fails', () => {
  it('goes where its consumer is, and that is asked once', async () => {
    const [home, abroad] = [new FakePlace('a', '/'), new FakePlace('b', '/')];
    const { publish, consumeFrom, connections } = scene(home, abroad);
    await consumeFrom(abroad);
    await Promise.all([publish(), publish()]);
    await publish();
    expect(abroad.published).toEqual([KEY, KEY, KEY]);
    expect(home.published).toEqual([]);
    // By the consumer's connection and by the one for retries.
    expect([home.asked, abroad.asked]).toEqual([1, 2]);
    await connections.close();
  });

  it('goes where it went before when its consumer is not connected any more', async () => {
    const [home, abroad] = [new FakePlace('a', '/'), new FakePlace('b', '/')];
    const { publish, consumeFrom, disconnect, connections } = scene(home, abroad);
    disconnect();
    await expect(publish()).rejects.toThrow(/its consumer does not answer/);
    await consumeFrom(abroad);
    await publish();
    disconnect();
    await publish();
    expect(abroad.published).toEqual([KEY, KEY]);
    await connections.close();
  });

  it('follows a consumer that has moved to another broker, with the connection that moved as well', async () => {
    const [blue, green] = [new FakePlace('blue', '/'), new FakePlace('green', '/')];
    const now = { place: blue };
    const moving = new FakePlace('', '');
    Object.assign(moving, { connect: () => now.place.connect() });
    const { publish, consumeFrom, connections } = scene(moving);
    await consumeFrom(blue);
    await publish();
    await consumeFrom(green);
    await expect(publish()).rejects.toThrow(
      /consumed from virtual host "\/" of cluster "green", and the connect of RabbitMqModule leads to virtual host "\/" of cluster "blue"/,
    );
    now.place = green;
    // The first is the consumer's.
    blue.opened[1]!.emit('close');
    await publish();
    expect([blue.published, green.published]).toEqual([[KEY], [KEY]]);
    await connections.close();
  });

  it('is kept when its connection for retries was lost and then leads elsewhere, and goes by the one that leads there', async () => {
    const [blue, green] = [new FakePlace('blue', '/'), new FakePlace('green', '/')];
    const now = { first: blue, second: green };
    const moving = (which: keyof typeof now): FakePlace => {
      const place = new FakePlace('', '');
      return Object.assign(place, { connect: () => now[which].connect() });
    };
    const { publish, consumeFrom, connections } = scene(moving('first'), moving('second'));
    await consumeFrom(blue);
    await publish();
    now.first = green;
    for (const connection of blue.opened.slice(1)) connection.emit('close');
    await expect(publish()).rejects.toThrow(
      /consumed from virtual host "\/" of cluster "blue", and the connect of RabbitMqModule leads to .*"green" and .*"green"/,
    );
    now.second = blue;
    for (const connection of green.opened) connection.emit('close');
    await publish();
    expect([blue.published, green.published]).toEqual([[KEY, KEY], []]);
    await connections.close();
  });

  it('goes by the only connection where its consumer does not say where it is', async () => {
    const [home, silent] = [new FakePlace('a', '/'), new FakePlace('a', '/')];
    silent.isSilent = true;
    const { publish, consumeFrom, connections } = scene(home);
    await consumeFrom(silent);
    await publish();
    await publish();
    expect(home.published).toEqual([KEY, KEY]);
    // It may say so next time.
    expect(silent.asked).toBe(2);
    await connections.close();
  });

  it('is kept where several may be meant', async () => {
    const [one, other] = [new FakePlace('a', '/'), new FakePlace(undefined, '/')];
    const { publish, consumeFrom, connections } = scene(one, other);
    await consumeFrom(one);
    await expect(publish()).rejects.toThrow(
      /several of the connections of RabbitMqModule may lead/,
    );
    expect([...one.published, ...other.published]).toEqual([]);
    await connections.close();
  });
});
