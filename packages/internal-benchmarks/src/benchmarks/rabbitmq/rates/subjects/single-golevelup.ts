import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';
import type { Keyed } from '../../keyed.js';
import { runGolevelup } from '../golevelup-app.js';
import { KeyedWork } from '../keyed-work.js';
import { ourGolevelup } from '../our-modules.js';
import type { OpenSubject } from '../subject.js';

/** One message at a time: how an order is kept without lanes. */
export const open: OpenSubject = async (place) => {
  const work = new KeyedWork();
  @Injectable()
  class Orders {
    @RabbitSubscribe({ queue: place.queue, createQueueIfNotExists: false })
    onPlaced(order: Keyed): Promise<void> {
      return work.handle(order);
    }
  }
  const close = await runGolevelup(place, Orders, ourGolevelup(place));
  return { run: (count) => work.run(count), violations: () => work.violations, close };
};
