import type { GrpcCallLike, GrpcHandling } from '@acme/nest-message-context';
import { isObservable, Observable } from 'rxjs';
import { GrpcCode, isErrorCode } from '../core/codes.js';
import { readSafely } from '../core/read-safely.js';
import type { CallSpan } from './call-span.js';

interface Traced extends GrpcHandling {
  readonly span: CallSpan;
}

/** Answers a call within its span, which ends when the call does, however long it goes on. */
export async function tracedAnswer(
  { span, context: { message }, isPassThrough, answersByStream }: Traced,
  answer: () => Promise<unknown>,
): Promise<unknown> {
  const call = message.raw as TracedCall;
  span.enters(call);
  // When grpc-js has done with a call it says so, whether it was cancelled or not.
  if (isPassThrough) {
    call.on('error', (error) => span.describe({ code: codeOf(error) }));
    call.on('cancelled', () => span.end(call.writableFinished ? GrpcCode.OK : gaveUp(message)));
  }
  const result = await span.within(answer);
  if (isPassThrough) return isObservable(result) ? within(span, result) : result;
  if (!isObservable(result)) {
    span.end(call.cancelled ? gaveUp(message) : GrpcCode.OK);
    return result;
  }
  return within(
    span,
    ended(span, result, { isOne: answersByStream === false, gaveUp: () => gaveUp(message) }),
  );
}

/** A callback that nobody else stands before: a call that is answered by it looks like one whose caller has gone. */
export function tracedCallback({ span, ...handling }: Traced): void {
  handling.replaceCallback((given) => (error, ...answer) => {
    if (error) span.describe({ code: codeOf(error) });
    else span.answered();
    given(error, ...answer);
  });
}

interface TracedCall extends Omit<GrpcCallLike, 'on'> {
  readonly writableFinished?: boolean;
  on(event: 'cancelled' | 'error', listener: (error?: unknown) => void): unknown;
  emit(...args: unknown[]): boolean;
}

/** His clock rings a moment before ours: who has gone so late has gone because of that. */
const CLOCKS_MS = 10;

/** As grpc-js sends it. */
function codeOf(error: unknown): number {
  const code = readSafely(error, 'code');
  return isErrorCode(code) ? code : GrpcCode.UNKNOWN;
}

/** Who has: the caller, or his deadline. */
const gaveUp = ({
  sentDeadline = Infinity,
}: {
  readonly sentDeadline: number | undefined;
}): number =>
  sentDeadline - CLOCKS_MS <= Date.now() ? GrpcCode.DEADLINE_EXCEEDED : GrpcCode.CANCELLED;

/** Its subscription, and all that it does. */
const within = (span: CallSpan, source: Observable<unknown>): Observable<unknown> =>
  new Observable((subscriber) => span.within(() => source.subscribe(subscriber)));

function ended(
  span: CallSpan,
  source: Observable<unknown>,
  { isOne, gaveUp: goneAs }: { readonly isOne: boolean; readonly gaveUp: () => number },
): Observable<unknown> {
  return new Observable((subscriber) => {
    const subscription = source.subscribe({
      next: (value) => {
        // With it the call is answered, and an instrumentation ends its span.
        if (isOne) span.end(GrpcCode.OK);
        subscriber.next(value);
      },
      error: (error: unknown) => {
        span.end(codeOf(error));
        subscriber.error(error);
      },
      complete: () => {
        span.end(isOne ? goneAs() : GrpcCode.OK);
        subscriber.complete();
      },
    });
    return () => {
      span.end(goneAs());
      subscription.unsubscribe();
    };
  });
}
