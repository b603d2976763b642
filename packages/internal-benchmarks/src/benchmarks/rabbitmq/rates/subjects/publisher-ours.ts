import { randomUUID } from 'node:crypto';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { inWindow } from '../../../../amqp/in-window.js';
import { perSecond } from '../../../../measure/cost.js';
import { bodyOf, TYPE } from '../../message.js';
import type { OpenSubject } from '../subject.js';

/** As a service publishes: a call for each message. */
export const open: OpenSubject = async ({ amqpUrl, queue, window }) => {
  const publisher = new RabbitMqPublisher({ connect: () => connect(amqpUrl), window });
  await publisher.prepare();
  const publishOne = async (index: number, done: (error: unknown) => void): Promise<void> => {
    const messageId = randomUUID();
    const [outcome] = await publisher.publish([
      {
        type: TYPE,
        exchange: '',
        routingKey: queue,
        messageId,
        headers: { 'idempotency-key': messageId },
        payload: bodyOf(index),
      },
    ]);
    done(outcome?.status === 'confirmed' ? null : outcome);
  };
  const publish = (count: number) =>
    inWindow({ count, window }, (index, done) => void publishOne(index, done));
  return {
    run: (count) => perSecond(count, () => publish(count)),
    close: () => publisher.close(),
  };
};
