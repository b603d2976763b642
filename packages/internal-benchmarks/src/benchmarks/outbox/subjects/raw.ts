import { randomUUID } from 'node:crypto';
import { confirming } from '../../../amqp/confirming.js';
import { inWindow } from '../../../amqp/in-window.js';
import { bodyOf, TYPE } from '../message.js';
import type { OpenSubject } from '../subject.js';

/** The limit: no database, a full window of messages, and a next one for every confirm. */
export const open: OpenSubject = async ({ amqpUrl, queue, window }) => {
  const broker = await confirming(amqpUrl, queue, TYPE);
  const drain = (count: number): Promise<void> =>
    inWindow({ count, window }, (index, done) =>
      broker.send(Buffer.from(JSON.stringify(bodyOf(index))), randomUUID(), done),
    );
  return { fill: async () => {}, drain, close: () => broker.close() };
};
