import { testBroker, type TestBroker } from '@acme/internal-testing';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { publisherContract } from '@acme/nest-message-context/testing';
import { itPasses } from '@acme/internal-testing/contracts';
import { connect } from 'amqplib';
import { beforeAll, describe } from 'vitest';
import { publisherFixture } from '../support/publisher-fixture.js';

describe('RabbitMqPublisher keeps the publisher contract: it', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });

  itPasses(
    publisherContract(() =>
      publisherFixture(broker, async (url) => ({
        publisher: new RabbitMqPublisher({ connect: () => connect(url), publishTimeout: '1s' }),
      })),
    ),
  );
});
