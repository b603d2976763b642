import { randomUUID } from 'node:crypto';
import { confirming } from '../confirming.js';
import { bodyOf } from '../message.js';
import type { OpenSubject } from '../subject.js';

/** The limit: no database, a full window of messages, and a next one for every confirm. */
export const open: OpenSubject = async ({ amqpUrl, queue, window }) => {
  const broker = await confirming(amqpUrl, queue);
  const drain = (count: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let sent = 0;
      let confirmed = 0;
      const next = (): void => {
        const content = Buffer.from(JSON.stringify(bodyOf(sent)));
        sent += 1;
        broker.send(content, randomUUID(), (error) => {
          if (error) return reject(new Error('The broker refused a message.', { cause: error }));
          confirmed += 1;
          if (confirmed === count) resolve();
          else if (sent < count) next();
        });
      };
      while (sent < Math.min(window, count)) next();
    });
  return { fill: async () => {}, drain, close: () => broker.close() };
};
