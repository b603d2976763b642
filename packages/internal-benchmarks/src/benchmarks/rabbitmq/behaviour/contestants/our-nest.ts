import { PlainJsonDeserializer } from '@acme/nest-message-context';
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, type RmqContext } from '@nestjs/microservices';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { OpenContestant } from '../contestant.js';
import { PATTERN, type Task } from '../task.js';
import { listenNest } from './nest-app.js';
import { ourModules } from './our-modules.js';

export const open: OpenContestant = (place, work) => {
  const handle = (task: Task, context: RmqContext): Promise<unknown> =>
    work(task, () =>
      (context.getChannelRef() as Channel).ack(context.getMessage() as ConsumeMessage),
    );
  @Controller()
  class Tasks {
    @EventPattern(PATTERN)
    async onTask(@Payload() task: Task, @Ctx() context: RmqContext): Promise<void> {
      await handle(task, context);
    }

    @MessagePattern(`${PATTERN}.ask`)
    ask(@Payload() task: Task, @Ctx() context: RmqContext): Promise<unknown> {
      return handle(task, context);
    }
  }
  return listenNest(place, Tasks, ourModules(place), {
    deserializer: new PlainJsonDeserializer(),
  });
};
