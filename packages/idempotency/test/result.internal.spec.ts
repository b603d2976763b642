import type { MessageContext, SettleDecision } from '@acme/nest-message-context';
import { expect, it } from 'vitest';
import { refusalOf } from '../src/stage/result.js';

const contextOf = (decision: SettleDecision, decidedIn?: object): MessageContext =>
  ({ message: { delivery: { decision, decidedIn } } }) as never;

it('takes a refusal for its own, unless another handler of the event has decided', () => {
  const own = { message: { delivery: { decision: { action: 'requeue' } as const } } };
  Object.assign(own.message.delivery, { decidedIn: own });
  const undo = { value: 1, verdict: 'undo', fate: 'counted' };
  expect(refusalOf(1, own as never)).toEqual(undo);
  // Code outside of any handler of it, such as one that settles a batch.
  expect(refusalOf(1, contextOf({ action: 'requeue' }))).toEqual(undo);
  expect(refusalOf(1, contextOf({ action: 'requeue' }, {}))).toBeUndefined();
  expect(refusalOf(1, contextOf({ action: 'ack' }))).toBeUndefined();
});
