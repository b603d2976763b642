import { expect, it } from 'vitest';
import { ConfirmedSender } from '../../src/publisher/confirmed-sender.js';
import { FakeConnection } from '../support/fake-amqp.js';

const senderOf = (connection: FakeConnection) =>
  new ConfirmedSender({
    name: 'tests',
    connect: async () => connection as never,
    timeoutMs: 60_000,
    window: 1,
  });

it.each([
  ['is lost', (connection: FakeConnection) => void connection.emit('close')],
  ['is closed', (_: FakeConnection, sender: ConfirmedSender) => sender.close()],
])('what was asked is not waited for when the connection %s', async (_how, end) => {
  const connection = new FakeConnection();
  const sender = senderOf(connection);
  let isAsked: () => void = () => {};
  const asked = new Promise<void>((done) => (isAsked = done));
  const answer = sender.onChannel(() => {
    isAsked();
    return new Promise<never>(() => {});
  });
  const told = answer.catch((error: unknown) => error);
  await asked;
  await end(connection, sender);
  expect(await told).toMatchObject({ reason: 'CONNECTION_LOST' });
  await sender.close();
});
