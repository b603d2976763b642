import { randomUUID } from 'node:crypto';
import { declareQueue, takeAll, tcpProxy, type TestBroker } from '@acme/internal-testing';
import type { Publisher } from '@acme/nest-message-context';
import type { PublisherContractFixture } from '@acme/nest-message-context/testing';

type Closable = Publisher & { close(): Promise<void> };

/** The publisher contract's fixture on the test's broker, through a proxy for each publisher. */
export const publisherFixture = (
  broker: TestBroker,
  open: (url: string) => Promise<{ publisher: Closable; dispose?: () => Promise<void> }>,
): PublisherContractFixture => ({
  queue: () => declareQueue(broker, randomUUID()),
  unused: () => broker.name(randomUUID()),
  take: (queue) => takeAll(broker, queue),
  open: async () => {
    const way = await tcpProxy(broker.url);
    const { publisher, dispose } = await open(way.url);
    return {
      publisher,
      way,
      dispose: async () => {
        await dispose?.();
        await way.close();
      },
    };
  },
});
