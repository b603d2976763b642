import type { GrpcHandling, HandlerRef } from '@acme/nest-message-context';
import { durationText } from '@acme/nest-message-context/kit';
import { GrpcCode } from '../core/codes.js';
import type { GrpcFailure } from '../core/failure.js';

/** How long calls may take, in milliseconds; what is undefined has no limit. */
export interface DeadlineSettings {
  readonly defaultMs: number | undefined;
  readonly maxMs: number | undefined;
  readonly onExceed: 'clamp' | 'reject';
  readonly minRemainingMs: number;
}

/** What becomes of a call before it is handled: it may take so long, or is refused. */
export type Allowance = { readonly ms: number | undefined } | { readonly refused: GrpcFailure };

const NO_LIMIT: Allowance = { ms: undefined };

/** Knows how long each call may take. */
export class Deadlines {
  /** By themselves: controllers of two versions may have the same name. */
  readonly #own = new Map<HandlerRef, number>();

  constructor(private readonly settings: DeadlineSettings) {}

  /** At boot, of a handler that says it itself. */
  add(handler: HandlerRef, ms: number): void {
    this.#own.set(handler, ms);
  }

  of({ context: { message }, handler, answersByStream }: GrpcHandling, now: number): Allowance {
    const { defaultMs, maxMs, onExceed, minRemainingMs } = this.settings;
    const left = message.sentDeadline === undefined ? undefined : message.sentDeadline - now;
    if (left !== undefined && left < minRemainingMs) return { refused: tooShort(minRemainingMs) };
    const own = handler && this.#own.get(handler.handler);
    // Of its own it ends when its caller has enough, or has gone.
    const usual = answersByStream === true ? undefined : defaultMs;
    const most = least(own, maxMs);
    if (most !== undefined && left !== undefined && left > most && onExceed === 'reject')
      return { refused: tooLong(most) };
    const limit = Math.min(
      left === undefined ? (own ?? usual ?? Infinity) : Infinity,
      most ?? Infinity,
    );
    // Of what its caller has said, grpc-js sees to it.
    return limit === Infinity || (left !== undefined && left <= limit) ? NO_LIMIT : { ms: limit };
  }
}

const least = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);

const tooShort = (ms: number): GrpcFailure => ({
  code: GrpcCode.DEADLINE_EXCEEDED,
  reason: 'DEADLINE_TOO_SHORT',
  message: `There is too little time left to begin: this takes ${durationText(ms)} at least.`,
});

const tooLong = (ms: number): GrpcFailure => ({
  code: GrpcCode.INVALID_ARGUMENT,
  reason: 'DEADLINE_TOO_LONG',
  message: `No call may take longer than ${durationText(ms)}. Give it a deadline within that.`,
});

/** What a call is answered with that has taken too long. */
export const late = (ms: number): GrpcFailure => ({
  code: GrpcCode.DEADLINE_EXCEEDED,
  reason: 'DEADLINE_EXCEEDED',
  message: `The call took longer than the ${durationText(ms)} that it may.`,
});
