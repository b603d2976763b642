import { Logger } from '@nestjs/common';
import { lastValueFrom, tap, type Observable } from 'rxjs';
import { handlerName, type HandlerRef } from '../context/handler-ref.js';
import type { BodyCall } from './slots.js';

const logger = new Logger('MessageContext');

const told = new WeakSet<HandlerRef>();

/** On these Nest itself answers with the last value, whatever comes before it. */
const ANSWERED_ONCE: readonly string[] = ['http', 'golevelup', 'method'];

/**
 * Runs what a handler returned to its end; undefined when there was no value. Elsewhere Nest would send every value by
 * itself, so a handler that means to answer in several parts is told about the lost ones: once, not with every message.
 */
export async function lastValueOf(
  values: Observable<unknown>,
  { role, handler, context: { message } }: Omit<BodyCall, 'options'>,
): Promise<unknown> {
  let count = 0;
  const counted = values.pipe(tap(() => (count += 1)));
  const last = await lastValueFrom(counted, { defaultValue: undefined });
  const isHeard = role === 'handler' && message.expectsReply;
  if (count > 1 && isHeard && !ANSWERED_ONCE.includes(message.transport) && !told.has(handler)) {
    told.add(handler);
    logger.warn(
      `${handlerName(handler)} answered with ${count} values, and the caller gets the last one alone: a protected handler has one reply. Return one value, a list of them, or take the decorators off.`,
    );
  }
  return last;
}
