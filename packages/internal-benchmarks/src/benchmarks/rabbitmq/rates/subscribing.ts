import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';
import { runGolevelup, type Additions } from './golevelup-app.js';
import type { OpenSubject, Place } from './subject.js';
import { Turn } from './turn.js';

/** A handler of golevelup's on the queue, in an application with these additions. */
export async function subscribing(
  place: Place,
  additions: Additions = {},
  work: () => void = () => {},
): ReturnType<OpenSubject> {
  const turn = new Turn();
  @Injectable()
  class Orders {
    @RabbitSubscribe({ queue: place.queue, createQueueIfNotExists: false })
    async onPlaced(_order: unknown): Promise<void> {
      await turn.take();
      work();
    }
  }
  const close = await runGolevelup(place, Orders, additions);
  return { run: (count) => turn.run(count), close };
}
