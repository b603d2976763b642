import { testBroker } from '@acme/internal-testing';
import { connect } from 'amqplib';
import { expect, it } from 'vitest';
import { WriteBatch } from '../../../src/publishers/amqp/write-batch.js';

it('knows the stream of the installed amqplib', async () => {
  const broker = await testBroker();
  const connection = await connect(broker.url);
  expect(new WriteBatch(connection).isEffective).toBe(true);
  await connection.close();
});
