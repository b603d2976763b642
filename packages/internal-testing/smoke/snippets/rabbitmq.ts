import assert from 'node:assert/strict';
import { PublisherConfigurationError } from '@acme/nest-message-context';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';

/** Without a broker nobody knows what became of a message; wrong options are refused at once. */
export async function smoke(): Promise<void> {
  assert.throws(() => new RabbitMqPublisher({} as never), PublisherConfigurationError);
  const publisher = new RabbitMqPublisher({
    connect: () => Promise.reject(new Error('no broker here')),
  });
  const [outcome] = await publisher.publish([{ type: 'order.placed.v1', payload: { id: 1 } }]);
  assert.equal(outcome?.status, 'unknown');
  await publisher.close();
}
