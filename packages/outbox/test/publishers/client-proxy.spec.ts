import { waitFor } from '@acme/internal-testing';
import { ClientProxyPublisher, type ClientProxyPublisherOptions } from '@acme/nest-outbox';
import { PublisherClosedError, PublisherConfigurationError } from '@acme/nest-message-context';
import { openNestConsumer } from '@acme/internal-testing/rmq';
import { ClientProxyFactory, Transport, type ClientProxy } from '@nestjs/microservices';
import { createServer } from 'node:net';
import { NEVER, of, throwError, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

const open = (
  emit: (pattern: unknown, data: unknown) => Observable<unknown>,
  options: Partial<ClientProxyPublisherOptions> = {},
) =>
  new ClientProxyPublisher({
    client: { emit, connect: async () => {} },
    confirmed: 'handed-over',
    ...options,
  });

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

describe('ClientProxyPublisher over another transport', () => {
  it('hands messages over in their order, with decoded payloads, and says when it could not', async () => {
    const options = { host: '127.0.0.1', port: await freePort() };
    // Nest 11 remembers a first connect that has failed: the one that works is another.
    const [client, early] = [0, 1].map(() =>
      ClientProxyFactory.create({ transport: Transport.TCP, options }),
    ) as [ClientProxy, ClientProxy];
    const publisher = new ClientProxyPublisher({ client, confirmed: 'handed-over' });
    const tooEarly = new ClientProxyPublisher({ client: early, confirmed: 'handed-over' });
    const message = (n: number) => ({
      type: 'order.placed',
      payload: Buffer.from(JSON.stringify({ n })),
      contentType: 'application/json',
    });
    await expect(tooEarly.publish([message(0)])).resolves.toMatchObject([
      { status: 'unknown', error: { message: expect.stringContaining('ECONNREFUSED') } },
    ]);
    const { handled, app } = await openNestConsumer('order.placed', {
      transport: Transport.TCP,
      options,
    });
    await expect(publisher.publish([1, 2, 3].map(message))).resolves.toEqual(
      [1, 2, 3].map(() => ({ status: 'confirmed' })),
    );
    await waitFor(() => handled.length === 3);
    expect(handled.map(({ data }) => data)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    await publisher.close();
    await Promise.all([client.close(), early.close()]);
    await app.close();
  });

  it('sends what toData makes of a message', async () => {
    const sent: unknown[] = [];
    const publisher = open((pattern, data) => (sent.push([pattern, data]), of(undefined)), {
      toData: ({ messageId, key, payload }) => ({ messageId, key, payload }),
    });
    await publisher.publish([{ type: 'a', payload: 1, key: 'k', messageId: 'm' }]);
    expect(sent).toEqual([['a', { messageId: 'm', key: 'k', payload: 1 }]]);
  });

  it('unpacks what was added as a packet of Nest', async () => {
    const sent: unknown[] = [];
    const publisher = open((pattern, data) => (sent.push([pattern, data]), of(undefined)));
    const payload = Buffer.from('{"pattern":{"cmd":"pay"},"data":{"id":1}}');
    const contentType = 'application/vnd.nestjs.packet+json';
    await publisher.publish([{ type: '{"cmd":"pay"}', payload, contentType }]);
    expect(sent).toEqual([[{ cmd: 'pay' }, { id: 1 }]]);
  });

  it('tells each message what became of it', async () => {
    const answers = [of(1), throwError(() => 'refused'), NEVER, of(1)];
    const publisher = open(() => answers.shift()!, { publishTimeout: 50 });
    await expect(
      publisher.publish([
        { type: 'a', payload: 1 },
        { type: 'a', payload: 1 },
        { type: 'a', payload: 1 },
        { type: 'a', payload: 1, routingKey: 'x' },
        { type: 'a', payload: null },
        { type: 'a', payload: Buffer.from('{'), contentType: 'application/json' },
        { type: 'a', payload: 1 },
      ]),
    ).resolves.toMatchObject([
      { status: 'confirmed' },
      { status: 'unknown', error: { message: expect.stringContaining('refused') } },
      { status: 'unknown', error: { reason: 'TIMEOUT' } },
      { status: 'rejected', error: { message: expect.stringContaining('routing key') } },
      { status: 'rejected', error: { message: expect.stringContaining('no data') } },
      { status: 'rejected' },
      { status: 'confirmed' },
    ]);
  });

  it('tells each outcome as soon as it is known', async () => {
    const answers = [NEVER, of(1)];
    const publisher = open(() => answers.shift()!, { publishTimeout: 500 });
    const told: [number, string][] = [];
    const message = { type: 'a', payload: 1 };
    publisher.publishEach([message, message], (index, { status }) => told.push([index, status]));
    await waitFor(() => told.length > 0);
    expect(told).toEqual([[1, 'confirmed']]);
    await publisher.close();
    expect(told).toEqual([
      [1, 'confirmed'],
      [0, 'unknown'],
    ]);
    expect(() => publisher.publishEach([message], () => {})).toThrow(PublisherClosedError);
  });

  it('waits for what is under way when it is closed, and refuses what comes later', async () => {
    const publisher = open(() => NEVER, { publishTimeout: 50 });
    const last = publisher.publish([{ type: 'a', payload: 1 }]);
    await publisher.close();
    const later = new Promise((resolve) => setImmediate(resolve, 'later'));
    await expect(Promise.race([last, later])).resolves.toMatchObject([{ status: 'unknown' }]);
    await expect(publisher.publish([])).rejects.toThrow(PublisherClosedError);
  });

  it('is refused where nobody has said that a hand-over is enough, and so are wrong options', () => {
    const client = ClientProxyFactory.create({ transport: Transport.TCP });
    const unsaid = { client } as never;
    expect(() => new ClientProxyPublisher(unsaid)).toThrow(PublisherConfigurationError);
    expect(() => new ClientProxyPublisher(unsaid)).toThrow(/confirmed: 'handed-over'/);
    const wrong = { client, toData: 1, window: 5, publishTimeout: 'x' } as never;
    expect(() => new ClientProxyPublisher(wrong)).toThrow(
      /window.*confirmed.*toData.*publishTimeout/s,
    );
    expect(() => new ClientProxyPublisher({} as never)).toThrow(/inject: \['ORDERS'\]/);
    const grpc = { emit() {}, connect() {}, getService() {} } as never;
    expect(() => new ClientProxyPublisher({ client: grpc, confirmed: 'handed-over' })).toThrow(
      /gRPC/,
    );
    const rmq = ClientProxyFactory.create({ transport: Transport.RMQ, options: { queue: 'q' } });
    expect(() => new ClientProxyPublisher({ client: rmq, confirmed: 'handed-over' })).toThrow(
      /ClientRmqPublisher/,
    );
  });
});
