import { ReliableRmqServer } from '@acme/nest-rabbitmq/nest';
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, type RmqContext } from '@nestjs/microservices';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { OpenContestant } from '../contestant.js';
import { ASK, PATTERN, type Task } from '../task.js';
import { runNest } from './nest-app.js';
import { ourModules, ourOrder } from './our-modules.js';

export const open: OpenContestant = (place, work) => {
  const { amqpUrl, queue, queueOptions, prefetch } = place;
  const handle = (task: Task, context: RmqContext): Promise<unknown> =>
    work(task, () =>
      (context.getChannelRef() as Channel).ack(context.getMessage() as ConsumeMessage),
    );
  @Controller()
  class Tasks {
    @ourOrder(place)
    @EventPattern(PATTERN)
    async onTask(@Payload() task: Task, @Ctx() context: RmqContext): Promise<void> {
      await handle(task, context);
    }

    @MessagePattern(ASK)
    ask(@Payload() task: Task, @Ctx() context: RmqContext): Promise<unknown> {
      return handle(task, context);
    }
  }
  const strategy = new ReliableRmqServer({
    urls: [amqpUrl],
    queue,
    queueOptions,
    prefetchCount: prefetch,
  });
  return runNest(Tasks, ourModules(place), { strategy });
};
