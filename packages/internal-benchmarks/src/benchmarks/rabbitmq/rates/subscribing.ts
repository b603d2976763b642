import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Injectable, type DynamicModule } from '@nestjs/common';
import { runGolevelup } from './golevelup-app.js';
import type { OpenSubject, Place } from './subject.js';
import { Turn } from './turn.js';

/** A handler of golevelup's on the queue, in an application with these modules. */
export async function subscribing(
  place: Place,
  imports: DynamicModule[],
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
  const close = await runGolevelup(place, Orders, imports);
  return { run: (count) => turn.run(count), close };
}
