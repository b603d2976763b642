import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload, type RmqContext } from '@nestjs/microservices';
import type { Channel, Message } from 'amqplib';
import { TYPE } from '../../message.js';
import { listenNest } from '../nest-app.js';
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
  const close = await listenNest(place, Orders, []);
  return { run: (count) => turn.run(count), close };
};
