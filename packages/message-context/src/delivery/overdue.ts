import type { InboundMessage } from '../context/inbound-message.js';
import type { ErrorStatus } from '../wire/status.js';
import { NonRetryableError } from './outcome-signals.js';

/** How a caller is answered whose request could not be handled in its time. */
export const LATE: ErrorStatus = { http: 504, grpc: 4, reason: 'DEADLINE_EXCEEDED' };

/** Whether nobody waits for the reply to a request any more: to handle it would only cost those who still wait. */
export const isOverdue = ({ expectsReply, deadline }: InboundMessage): boolean =>
  expectsReply && deadline !== undefined && deadline <= Date.now();

/** @internal What such a request is answered with, in case its sender waits all the same: clocks differ. */
export const overdue = (): NonRetryableError =>
  new NonRetryableError('DEADLINE_EXCEEDED', {
    message:
      'DEADLINE_EXCEEDED: the request came after its deadline (x-deadline), so it was not handled. Give it more time, or look for what ' +
      'keeps its queue waiting: too few consumers, or clocks that differ.',
    status: LATE,
  });
