// golevelup acks what its handler has returned from. A handler that acks as well would cost the channel, and have all come twice that is in work.
import { testBroker, waitFor } from '@acme/internal-testing';
import type { AmqpDeliveryLike } from '@acme/nest-message-context';
import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { afterEach, expect, it } from 'vitest';
import { ConsumerGround } from './support/consumer-ground.js';
import { CONSUMERS, type Consumer } from './support/consumers.js';

afterEach(() => ConsumerGround.closeAll());

it('handles everything once, although one handler of golevelup acks by hand', async () => {
  const broker = await testBroker();
  const [, openGolevelup] = CONSUMERS.find(([kind]) => kind === 'golevelup')!;
  const ground = new ConsumerGround(broker, openGolevelup, 'golevelup-by-hand');
  const ids = Array.from({ length: 20 }, (_, index) => `m-${index}`);
  let release!: () => void;
  const inWork = new Promise<void>((done) => (release = done));
  const consumer: Consumer = await ground.start({
    handle: async ({ message }) => {
      if (message.messageId !== 'm-0') return inWork;
      const { fields } = message.raw as AmqpDeliveryLike;
      // As many write it: an object with the tag in it.
      consumer.app.get(AmqpConnection).channel.ack({ fields } as never);
    },
  });
  await ground.publish(...ids);
  await waitFor(() => consumer.log.messages('warn').join().includes('settled once more'));
  release();
  await waitFor(async () => (await broker.queue(ground.queue))?.messages === 0);
  await consumer.close();
  expect(consumer.handled.map(({ message }) => message.messageId).toSorted()).toEqual(
    ids.toSorted(),
  );
  expect((await broker.queue(ground.queue))?.messages).toBe(0);
});
