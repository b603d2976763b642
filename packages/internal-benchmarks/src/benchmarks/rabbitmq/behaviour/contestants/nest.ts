import { Controller } from '@nestjs/common';
import {
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  Transport,
  type RmqContext,
} from '@nestjs/microservices';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { OpenContestant } from '../contestant.js';
import { ASK, PATTERN, type Task } from '../task.js';
import { runNest } from './nest-app.js';

/** Acks by hand as the documentation says, and gives back what fails, which it does not say. */
export const open: OpenContestant = (place, work) => {
  const handle = async (task: Task, context: RmqContext): Promise<unknown> => {
    const channel = context.getChannelRef() as Channel;
    const message = context.getMessage() as ConsumeMessage;
    try {
      const result = await work(task, () => channel.ack(message));
      channel.ack(message);
      return result;
    } catch (error) {
      // Of a request the caller is told; it is not tried again.
      if (place.isRpc) channel.ack(message);
      else channel.nack(message, false, true);
      throw error;
    }
  };
  @Controller()
  class Tasks {
    @EventPattern(PATTERN)
    async onTask(@Payload() task: Task, @Ctx() context: RmqContext): Promise<void> {
      await handle(task, context);
    }

    @MessagePattern(ASK)
    ask(@Payload() task: Task, @Ctx() context: RmqContext): Promise<unknown> {
      return handle(task, context);
    }
  }
  const { amqpUrl, queue, queueOptions, prefetch } = place;
  return runNest(Tasks, [], {
    transport: Transport.RMQ,
    options: { urls: [amqpUrl], queue, queueOptions, noAck: false, prefetchCount: prefetch },
  });
};
