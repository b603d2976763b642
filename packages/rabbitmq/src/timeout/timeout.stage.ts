import { Injectable } from '@nestjs/common';
import {
  handlerName,
  type EdgeStageService,
  type HandlerKind,
  type StageCall,
  type StageHandler,
} from '@acme/nest-message-context';
import { OptionsCheck } from '@acme/nest-message-context/kit';
import type { RmqConsumerOptions } from './rmq-consumer.decorator.js';

const KINDS: readonly HandlerKind[] = [
  'event',
  'request',
  'golevelup-subscribe',
  'golevelup-rpc',
  'golevelup-batch',
];

/** What `@RmqConsumer()` does before a handler. */
@Injectable()
export class TimeoutStage implements EdgeStageService<RmqConsumerOptions> {
  /** Those that were found at boot. */
  readonly #timeouts = new Map<RmqConsumerOptions, number>();

  check({ handler, kinds, options }: StageHandler<RmqConsumerOptions>): readonly string[] {
    const check = new OptionsCheck();
    const { timeout } = check.object<Partial<RmqConsumerOptions>>('options', options, ['timeout']);
    if (timeout === undefined)
      check.problems.push("timeout: there is none. Give one, such as '30s'.");
    else this.#timeouts.set(options, check.timeout('timeout', timeout, '30s'));
    for (const kind of kinds)
      if (!KINDS.includes(kind))
        check.problems.push(
          `${kind}: its time is not for RabbitMQ to say. Put the decorator on a handler of RabbitMQ messages.`,
        );
    return check.problems.map((problem) => `@RmqConsumer() on ${handlerName(handler)}: ${problem}`);
  }

  enter({ context, options }: StageCall<RmqConsumerOptions>): void {
    context.message.allow(this.#timeouts.get(options)!);
  }
}
