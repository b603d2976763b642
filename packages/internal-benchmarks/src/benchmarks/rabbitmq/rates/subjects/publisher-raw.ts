import { randomUUID } from 'node:crypto';
import { confirming } from '../../../../amqp/confirming.js';
import { inWindow } from '../../../../amqp/in-window.js';
import { perSecond } from '../../../../measure/cost.js';
import { contentOf, TYPE } from '../../message.js';
import type { OpenSubject } from '../subject.js';

export const open: OpenSubject = async ({ amqpUrl, queue, window }) => {
  const broker = await confirming(amqpUrl, queue, TYPE);
  const publish = (count: number) =>
    inWindow({ count, window }, (index, done) =>
      broker.send(contentOf(index, 'plain'), randomUUID(), done),
    );
  return {
    run: (count) => perSecond(count, () => publish(count)),
    close: () => broker.close(),
  };
};
