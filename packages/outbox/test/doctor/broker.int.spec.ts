import { freePort, startPrivate, testBroker, type TestBroker } from '@acme/internal-testing';
import { rabbitMqProbe, RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { doctor, doctorText } from '../support/findings.js';
import { openOutboxApp, type OutboxAppOptions } from '../support/outbox-app.js';
import { onPostgres, type PostgresOutboxDatabase } from '../support/outbox-database.js';

describe('the doctor, of the broker', () => {
  let database: PostgresOutboxDatabase;
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await onPostgres();
  });

  const opened = (options: OutboxAppOptions = {}) =>
    openOutboxApp(database, broker, { relay: { mode: 'off' }, ...options });

  it('finds that it cannot be reached, and tells no password', async () => {
    const { close } = await opened();
    const url = `amqp://ann:s3cr3t@127.0.0.1:${await freePort()}`;
    const { of } = await doctor(database.url, ['--amqp', url]);
    expect(of('BROKER_UNREACHABLE')).toMatchObject([
      { severity: 'error', message: expect.stringContaining('ECONNREFUSED') as string },
    ]);
    const wrong = new URL(broker.url);
    wrong.password = 's3cr3t';
    const { stdout, stderr } = await doctorText(database.url, ['--amqp', wrong.href]);
    expect(stdout).toMatch(/BROKER_UNREACHABLE: .*ACCESS.REFUSED/);
    expect(stdout + stderr).not.toContain('s3cr3t');
    await close();
  });

  it.each(['http://h', 'not a url'])('refuses --amqp %s', async (url) => {
    const { exit, error } = await doctor(database.url, ['--amqp', url]);
    expect(exit).toBe(2);
    expect(error).toMatchObject({ error: { code: 'USAGE' } });
  });

  const publisherTo = (exchange: string) =>
    new RabbitMqPublisher({ connect: () => connect(broker.url), exchange });

  it("finds that the publisher's own exchange is missing, before the first message goes there", async () => {
    const exchange = broker.name('usual');
    const { admin, outbox, transactions, close } = await opened({
      publisher: publisherTo(exchange),
    });
    const examined = async () =>
      (await admin.doctor({ broker: rabbitMqProbe(() => connect(broker.url)) })).filter(
        ({ code }) => code.includes('EXCHANGE'),
      );
    const inApplication = await examined();
    expect(inApplication).toMatchObject([
      {
        code: 'DEFAULT_EXCHANGE_UNAVAILABLE',
        severity: 'error',
        message: expect.stringMatching(new RegExp(`go to "${exchange}".*NOT_FOUND`)) as string,
        remedy: expect.stringMatching(/^Declare it.*option exchange/) as string,
        detail: { exchange, messages: 0 },
      },
    ]);
    const args = ['--amqp', broker.url, '--exchange', exchange];
    const onCommandLine = await doctor(database.url, args);
    expect(onCommandLine.of('DEFAULT_EXCHANGE_UNAVAILABLE')).toEqual(inApplication);
    // Those that name it themselves are told of once.
    await transactions.run(() =>
      outbox.add([
        { type: 'a.v1', exchange, payload: 1 },
        { type: 'a.v1', payload: 2 },
      ]),
    );
    await expect(examined()).resolves.toMatchObject([
      { code: 'DEFAULT_EXCHANGE_UNAVAILABLE', detail: { exchange, messages: 1 } },
    ]);
    await (await broker.channel()).assertExchange(exchange, 'topic');
    await expect(examined()).resolves.toEqual([]);
    expect((await doctor(database.url, args)).codes).toEqual(['NO_RELAY']);
    await close();
  });

  it('takes the exchange that it is given for that of the publisher', async () => {
    const { admin, close } = await opened({ publisher: publisherTo(broker.name('other')) });
    const exchange = broker.name('given');
    const found = await admin.doctor({
      broker: rabbitMqProbe(() => connect(broker.url)),
      exchange,
    });
    expect(found.filter(({ code }) => code.includes('EXCHANGE'))).toMatchObject([
      { detail: { exchange } },
    ]);
    // Nobody asks the broker, so nothing is known of it.
    await expect(admin.doctor()).resolves.toMatchObject([{ code: 'NO_RELAY' }]);
    await close();
  });

  it('refuses an exchange where it does not ask the broker', async () => {
    const { admin, close } = await opened();
    await expect(admin.doctor({ exchange: 'orders' })).rejects.toMatchObject({
      code: 'OUTBOX_CONFIGURATION',
      message: expect.stringContaining('Give broker as well') as string,
    });
    const { exit, error } = await doctor(database.url, ['--exchange', 'orders']);
    expect(exit).toBe(2);
    expect(error).toMatchObject({
      error: { code: 'USAGE', message: expect.stringContaining('--amqp') as string },
    });
    await close();
  });

  it('finds its alarm; and takes no offence at a user who may not write to its own exchange', async () => {
    const server = await startPrivate('rabbitmq');
    const { admin, outbox, transactions, close } = await opened();
    await transactions.run(() => outbox.add({ type: 'a.v1', exchange: 'orders', payload: 1 }));
    const connection = await connect(server.url);
    const channel = await connection.createChannel();
    await channel.assertExchange('orders', 'topic');
    await server.control('add_user', 'ann', 's3cr3t');
    await server.control('set_permissions', '-p', '/', 'ann', '^$', '^orders$', '^$');
    const own = new URL(server.url);
    [own.username, own.password] = ['ann', 's3cr3t'];
    const allowed = await doctor(database.url, ['--amqp', own.href]);
    expect(allowed.codes).toEqual(['NO_RELAY']);

    await server.control('set_vm_memory_high_watermark', '0.000001');
    const { of } = await doctor(database.url, ['--max-age', '1ms', '--amqp', server.url]);
    expect(of('BROKER_BLOCKED')).toMatchObject([
      { severity: 'error', message: expect.stringContaining('memory') as string },
    ]);
    await server.control('set_vm_memory_high_watermark', '0.4');
    const codes = async () =>
      (await admin.doctor({ broker: rabbitMqProbe(() => connect(server.url)) })).map(
        ({ code }) => code,
      );
    await expect(codes()).resolves.toEqual(['NO_RELAY']);
    await connection.close();
    await close();
  });
});
