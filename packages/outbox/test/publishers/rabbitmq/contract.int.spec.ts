import { testBroker, type TestBroker } from '@acme/internal-testing';
import { RabbitMqPublisher } from '@acme/nest-outbox';
import { publisherContract } from '@acme/nest-outbox/testing';
import { connect } from 'amqplib';
import { beforeAll, describe } from 'vitest';
import { itPasses } from '../../support/it-passes.js';
import { publisherFixture } from '../../support/publisher-fixture.js';

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
