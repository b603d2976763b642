import type { InboundMessage } from '../context/inbound-message.js';
import { NonRetryableError } from './outcome-signals.js';

/** Whether nobody waits for the reply to a request any more: to handle it would only cost those who still wait. */
export const isOverdue = ({ expectsReply, deadline }: InboundMessage): boolean =>
  expectsReply && deadline !== undefined && deadline <= Date.now();

/** What such a request is answered with, in case its sender waits all the same: clocks differ. */
export const overdue = (): NonRetryableError =>
  new NonRetryableError('DEADLINE_EXCEEDED', {
    message:
      'DEADLINE_EXCEEDED: the request came after its deadline (x-deadline), so it was not handled. Give it more time, or look for what ' +
      'keeps its queue waiting: too few consumers, or clocks that differ.',
    status: { http: 504, grpc: 4, reason: 'DEADLINE_EXCEEDED' },
  });
