import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import {
  isRabbitMqError,
  orderedTopology,
  Topology,
  TopologyMismatchError,
  type TopologyPlan,
  type WantedTopology,
} from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

const over = (wanted: WantedTopology): Topology =>
  new Topology({ connect: () => connect(broker.url), ...wanted });
const states = ({ entries }: TopologyPlan) => entries.map(({ kind, state }) => `${kind} ${state}`);
const QUORUM = { 'x-queue-type': 'quorum' };

/** An exchange that feeds a queue, and one that feeds the exchange. */
const shop = (name: string): Required<WantedTopology> => ({
  exchanges: [
    { name: broker.name(`${name}.all`), type: 'fanout' },
    { name: broker.name(`${name}.events`), type: 'topic' },
  ],
  queues: [{ name: broker.name(name), arguments: QUORUM }],
  bindings: [
    { source: broker.name(`${name}.all`), exchange: broker.name(`${name}.events`) },
    { source: broker.name(`${name}.events`), queue: broker.name(name), routingKey: 'order.#' },
  ],
});

const mismatch = async (work: Promise<unknown>): Promise<TopologyMismatchError> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TopologyMismatchError);
  expect(isRabbitMqError(error, 'RABBITMQ_TOPOLOGY_MISMATCH')).toBe(true);
  return error as TopologyMismatchError;
};

describe('what is missing', () => {
  it('is planned and checked without being created, and created in its order', async () => {
    const wanted = shop('new');
    const topology = over(wanted);
    const missing = await topology.plan();
    expect(states(missing)).toEqual([
      'exchange missing',
      'exchange missing',
      'queue missing',
      'binding missing',
      'binding missing',
    ]);
    const { plan, message } = await mismatch(topology.check());
    expect(plan).toEqual(missing);
    expect(message).toContain(`missing  queue     ${broker.name('new')}`);
    expect(await broker.queue(broker.name('new'))).toBeUndefined();

    expect(states(await topology.assert())).toEqual([
      'exchange created',
      'exchange created',
      'queue created',
      'binding present',
      'binding present',
    ]);
    const channel = await broker.confirmChannel();
    channel.publish(broker.name('new.all'), 'order.placed', Buffer.from('1'));
    await channel.waitForConfirms();
    expect(await broker.queue(broker.name('new'))).toMatchObject({ messages: 1 });

    // What cannot be asked for is said to be unseen; all else is as wanted.
    const there = ['exchange present', 'exchange present', 'queue present'];
    expect(states(await topology.check())).toEqual([...there, 'binding unseen', 'binding unseen']);
    expect(states(await topology.assert())).toEqual([
      ...there,
      'binding present',
      'binding present',
    ]);
  });

  it('may be created by several at once', async () => {
    const wanted = shop('several');
    await Promise.all(Array.from({ length: 6 }, () => over(wanted).assert()));
    expect(states(await over(wanted).check()).filter((state) => state.endsWith('present'))).toEqual(
      ['exchange present', 'exchange present', 'queue present'],
    );
  });

  it('is not created for a binding whose end nobody declares', async () => {
    const wanted = shop('lost');
    const bindings = [{ source: broker.name('lost.nowhere'), queue: broker.name('lost') }];
    const { message } = await mismatch(over({ ...wanted, bindings }).assert());
    expect(message).toMatch(/there is no exchange ".*lost.nowhere", and this topology does not/);
    expect(await broker.queue(broker.name('lost'))).toBeUndefined();
  });
});

describe('what differs', () => {
  it('is named, all of it, with the safe way; nothing is created beside it', async () => {
    const channel = await broker.channel();
    const name = broker.name('old');
    await channel.assertExchange(broker.name('old.events'), 'direct', { durable: false });
    await channel.assertQueue(name, {
      autoDelete: true,
      arguments: { 'x-max-length': 5, 'x-message-ttl': 5_000, 'x-max-priority': 3 },
    });
    const { exchanges, bindings } = shop('old');
    const queues = [
      { name, arguments: { ...QUORUM, 'x-message-ttl': 10_000, 'x-expires': 60_000 } },
    ];
    const { plan, message } = await mismatch(over({ exchanges, queues, bindings }).assert());
    expect(states(plan)).toEqual([
      'exchange missing',
      'exchange different',
      'queue different',
      'binding missing',
      'binding unseen',
    ]);
    const [, exchange, queue] = plan.entries;
    expect(exchange?.differences).toEqual([
      { argument: 'durable', wanted: true, actual: false, remedy: 'replace' },
      { argument: 'type', wanted: 'topic', actual: 'direct', remedy: 'replace' },
    ]);
    const byName = Object.fromEntries(
      queue!.differences.map(({ argument, ...rest }) => [argument, rest]),
    );
    // From RabbitMQ 4.0 on a queue has a type even where none was declared.
    const type = byName['x-queue-type']?.actual;
    expect([undefined, 'classic']).toContain(type);
    expect(byName).toEqual({
      auto_delete: { wanted: false, actual: true, remedy: 'replace' },
      'x-queue-type': { wanted: 'quorum', actual: type, remedy: 'replace' },
      'x-message-ttl': { wanted: 10_000, actual: 5_000, remedy: 'replace' },
      'x-expires': { wanted: 60_000, actual: undefined, remedy: 'policy' },
      'x-max-length': { wanted: undefined, actual: 5, remedy: 'replace' },
      'x-max-priority': { wanted: undefined, actual: 3, remedy: 'replace' },
    });
    expect(message).toContain('x-message-ttl: wanted 10000, is 5000');
    expect(message).toContain(`move to a new queue beside it`);
    expect(message).not.toContain('missing');
    await expect(channel.checkExchange(broker.name('old.all'))).rejects.toThrow(/404/);
  });

  it('is mended by the policy that is named, and declared as it is from then on', async () => {
    const { management, vhost } = broker;
    const name = broker.name('ttl');
    await (
      await broker.channel()
    ).assertQueue(name, { arguments: { ...QUORUM, 'x-message-ttl': 600_000 } });
    const queues = [
      { name, arguments: { ...QUORUM, 'x-message-ttl': 1, 'x-overflow': 'reject-publish' } },
    ];
    const { plan } = await mismatch(over({ queues }).check());
    const [command = '', , then] = plan.entries[0]!.steps;
    const [, where, policy, pattern, definition] =
      /-p '(.*)' '(.*)' '(.*)' '(.*)' --apply-to queues/.exec(command)!;
    expect(then).toBe('declare x-message-ttl 600000 and no x-overflow, as it is');
    expect(where).toBe(decodeURIComponent(new URL(broker.url).pathname).slice(1) || '/');
    if (management) {
      await management.call('PUT', `policies/${vhost}/${encodeURIComponent(policy!)}`, {
        pattern,
        definition: JSON.parse(definition!) as object,
        'apply-to': 'queues',
      });
      (await broker.channel()).sendToQueue(name, Buffer.from('1'));
      await waitFor(async () => (await broker.queue(name))?.messages === 0);
    }
    const asItIs = over({ queues: [{ name, arguments: { ...QUORUM, 'x-message-ttl': 600_000 } }] });
    expect(states(await asItIs.check())).toEqual(['queue present']);
  });

  it('is a queue that belongs to one connection alone', async () => {
    const name = broker.name('exclusive');
    const other = await connect(broker.url);
    await (await other.createChannel()).assertQueue(name, { exclusive: true });
    const plan = await over({ queues: [{ name }] }).plan();
    expect(plan.entries[0]?.differences).toEqual([
      { argument: 'exclusive', wanted: undefined, actual: true, remedy: 'replace' },
    ]);
    await other.close();
  });

  it('may be more than the broker says: then that is said', async () => {
    const name = broker.name(`long.${'q'.repeat(180)}`);
    await (await broker.channel()).assertQueue(name, { arguments: { 'x-message-ttl': 5 } });
    const plan = await over({ queues: [{ name, durable: true }] }).plan();
    expect(plan.entries[0]).toMatchObject({
      state: 'different',
      differences: [{ argument: 'x-message-ttl', actual: undefined }],
      reason: expect.stringMatching(/there may be more: the broker said/) as string,
    });
  });
});

describe('what the broker refuses', () => {
  it('is an exchange of a type that it does not know, found without creating anything', async () => {
    const name = broker.name('unknown');
    const exchanges = [
      { name: broker.name('known'), type: 'direct' },
      { name, type: 'x-nonesuch' },
    ];
    const { message, plan } = await mismatch(over({ exchanges }).assert());
    expect(states(plan)).toEqual(['exchange missing', 'exchange refused']);
    expect(message).toContain('no exchanges of type "x-nonesuch". Enable the plugin');
    const channel = await broker.channel();
    await expect(channel.checkExchange(broker.name('known'))).rejects.toThrow(/404/);
  });

  it('is a queue that can never be', async () => {
    const name = broker.name('never');
    const queues = [{ name, durable: false, arguments: QUORUM }];
    const { message } = await mismatch(over({ queues }).assert());
    expect(message).toMatch(/refused +queue .*\n.*invalid property/);
  });

  it('names the plugin that ordered queues need, with the client library that there is', async () => {
    const { declare } = orderedTopology({
      exchange: broker.name('o'),
      queue: broker.name('oq'),
      partitions: 1,
    });
    const without = async () => {
      const connection = await connect(broker.url);
      const open = connection.createChannel.bind(connection);
      // As with a broker that does not know its type.
      connection.createChannel = async () => {
        const channel = await open();
        const assertExchange = channel.assertExchange.bind(channel);
        channel.assertExchange = (name, _type, options) =>
          assertExchange(name, 'x-nonesuch', options);
        return channel;
      };
      return connection;
    };
    await expect(declare(without)).rejects.toThrow(/rabbitmq_consistent_hash_exchange/);
  });
});
