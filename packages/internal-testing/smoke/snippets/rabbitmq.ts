import assert from 'node:assert/strict';
import { PublisherConfigurationError } from '@acme/nest-message-context';
import { DeadLetters, RabbitMqConfigurationError, RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { ReliableRmqServer } from '@acme/nest-rabbitmq/nest';

/** Without a broker nobody knows what became of a message; wrong options are refused at once. */
export async function smoke(): Promise<void> {
  assert.throws(() => new RabbitMqPublisher({} as never), PublisherConfigurationError);
  assert.throws(() => new ReliableRmqServer({}), RabbitMqConfigurationError);
  const publisher = new RabbitMqPublisher({
    connect: () => Promise.reject(new Error('no broker here')),
  });
  const [outcome] = await publisher.publish([{ type: 'order.placed.v1', payload: { id: 1 } }]);
  assert.equal(outcome?.status, 'unknown');
  await publisher.close();
  const deadLetters = new DeadLetters({
    connect: () => Promise.reject(new Error('nor here')),
  });
  await assert.rejects(deadLetters.list('orders.dlq'), { message: 'nor here' });
}
