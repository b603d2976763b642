import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import type { Keyed } from '../../keyed.js';
import { TYPE } from '../../message.js';
import { KeyedWork } from '../keyed-work.js';
import { runOurNest } from '../our-nest.js';
import type { OpenSubject } from '../subject.js';

/** One message at a time: how an order is kept without lanes. */
export const open: OpenSubject = async (place) => {
  const work = new KeyedWork();
  @Controller()
  class Orders {
    @EventPattern(TYPE)
    onPlaced(@Payload() order: Keyed): Promise<void> {
      return work.handle(order);
    }
  }
  const close = await runOurNest(place, Orders);
  return { run: (count) => work.run(count), violations: () => work.violations, close };
};
