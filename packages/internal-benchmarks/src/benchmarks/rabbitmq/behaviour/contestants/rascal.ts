import rascal from 'rascal';
import type { OpenContestant } from '../contestant.js';
import { RETRY } from '../retry.js';
import type { Task } from '../task.js';

/** As its README advises: error listeners everywhere, republishing with a pause and an end, the rest dead-lettered. */
export const open: OpenContestant = async ({ amqpUrl, queue, queueOptions, prefetch }, work) => {
  const broker = await rascal.BrokerAsPromised.create(
    rascal.withDefaultConfig({
      vhosts: {
        '/': {
          connection: { url: amqpUrl },
          queues: { [queue]: { options: queueOptions } },
          subscriptions: { tasks: { queue, prefetch } },
        },
      },
    }),
  );
  broker.on('error', () => {});
  const subscription = await broker.subscribe('tasks');
  subscription
    .on('message', (_message, content: Task, ackOrNack) => {
      work(content, ackOrNack).then(
        () => ackOrNack(),
        (error: Error) =>
          ackOrNack(error, [
            { strategy: 'republish', defer: RETRY.pauseMs, attempts: RETRY.attempts - 1 },
            { strategy: 'nack' },
          ]),
      );
    })
    .on('invalid_content', (error: Error, _message, ackOrNack) =>
      ackOrNack(error, { strategy: 'nack' }),
    )
    .on('error', () => {});
  return { close: () => broker.shutdown() };
};
