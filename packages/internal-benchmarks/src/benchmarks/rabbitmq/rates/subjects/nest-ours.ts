import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { TYPE } from '../../message.js';
import { runOurNest } from '../our-nest.js';
import type { OpenSubject } from '../subject.js';
import { Turn } from '../turn.js';

export const open: OpenSubject = async (place) => {
  const turn = new Turn();
  @Controller()
  class Orders {
    @EventPattern(TYPE)
    async onPlaced(@Payload() _order: unknown): Promise<void> {
      await turn.take();
    }
  }
  const close = await runOurNest(place, Orders);
  return { run: (count) => turn.run(count), close };
};
