import { inspect } from 'node:util';
import type { PublishOutcome } from '@acme/nest-message-context';
import type { Failure, Verdict } from '../core/settle-plan.js';

/** Thrown before the broker was asked, so it says nothing about the broker. */
export interface Unpublishable {
  readonly status: 'unpublishable';
  readonly error: unknown;
}

export type Outcome = PublishOutcome | Unpublishable;

export function toVerdict<Row>(row: Row, index: number, outcome: Outcome): Verdict<Row> {
  switch (outcome.status) {
    case 'confirmed':
      return { row, index, result: 'confirmed' };
    case 'unroutable': {
      const { exchange, routingKey } = outcome;
      const message =
        exchange === ''
          ? `There is no queue "${routingKey}", where the broker's default exchange would bring it. Declare it; or give the publisher, or the message, its exchange.`
          : `No queue is bound to exchange "${exchange}" for routing key "${routingKey}". Bind one.`;
      return { row, index, result: 'failed', failure: { code: 'UNROUTABLE', message } };
    }
    case 'rejected':
    case 'unpublishable':
      return { row, index, result: 'failed', failure: failureOf(outcome.error, 'REJECTED') };
    default:
      return { row, index, result: 'unknown', failure: failureOf(outcome.error, 'NO_ANSWER') };
  }
}

/** Of whatever a publisher has given or thrown. */
function failureOf(error: unknown, code: string): Failure {
  const reason = (error as { reason?: unknown } | null | undefined)?.reason;
  const message = error instanceof Error ? error.message : inspect(error);
  return { code: storable(typeof reason === 'string' ? reason : code), message: storable(message) };
}

/** Enough to see what it was. */
const MAX_TEXT = 2_000;

/**
 * No database takes a NUL in a text: settling would fail with it for ever. Half a surrogate pair, as cutting leaves one, would
 * be taken as JSON, but PostgreSQL could not look into it any more.
 */
const storable = (text: string): string =>
  text
    .replaceAll('\0', '\ufffd')
    .slice(0, MAX_TEXT)
    .replace(/\p{Surrogate}/gu, '\ufffd');

/** Of a publisher that resolves with nothing. */
export function noOutcome(): PublishOutcome {
  return { status: 'unknown', error: new Error('The publisher told no outcome.') };
}
