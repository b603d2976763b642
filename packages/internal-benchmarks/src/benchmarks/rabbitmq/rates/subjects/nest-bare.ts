import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload, Transport, type RmqContext } from '@nestjs/microservices';
import type { Channel, Message } from 'amqplib';
import { TYPE } from '../../message.js';
import { QUORUM } from '../../quorum.js';
import { runNest } from '../nest-app.js';
import type { OpenSubject } from '../subject.js';
import { Turn } from '../turn.js';

/** Nest alone: nobody but the handler acks. */
export const open: OpenSubject = async (place) => {
  const turn = new Turn();
  @Controller()
  class Orders {
    @EventPattern(TYPE)
    async onPlaced(@Payload() _order: unknown, @Ctx() context: RmqContext): Promise<void> {
      await turn.take();
      (context.getChannelRef() as Channel).ack(context.getMessage() as Message);
    }
  }
  const { amqpUrl, queue, prefetch } = place;
  const close = await runNest(Orders, [], {
    transport: Transport.RMQ,
    options: {
      urls: [amqpUrl],
      queue,
      queueOptions: QUORUM,
      noAck: false,
      prefetchCount: prefetch,
    },
  });
  return { run: (count) => turn.run(count), close };
};
