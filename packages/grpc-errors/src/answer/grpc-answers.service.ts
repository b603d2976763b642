import {
  GrpcAnswers,
  handlerName,
  RPC_ANSWER,
  type GrpcCallLike,
  type GrpcHandling,
} from '@acme/nest-message-context';
import type { Logger } from '@nestjs/common';
import { catchError, isObservable, Observable, throwError } from 'rxjs';
import { codeNameOf, GrpcCode, isErrorCode } from '../core/codes.js';
import type { GrpcFailure } from '../core/failure.js';
import { describe, readSafely, textIn } from '../core/read-safely.js';
import { statusMessage } from '../core/text/status-message.js';
import type { GrpcErrorsSettings } from '../grpc-errors.options.js';
import { late, type Deadlines } from '../deadline/deadlines.js';
import { answerInTime } from '../deadline/in-time.js';
import { debugInfoOf } from './debug-info.js';
import { FailedCallLog, type FailedCall } from './failed-call.log.js';
import { Failures, type FoundFailure } from './failures.js';
import { quietNest } from './nests-log.js';
import { isNestsOwn } from './nests-words.js';
import { onlyAnswer, passedThrough } from './shields.js';
import { trailersOf } from './trailers.js';
import { wireStatus } from './wire-status.js';

interface AnswerParts {
  readonly settings: GrpcErrorsSettings;
  readonly failures: Pick<Failures, 'of'>;
  readonly deadlines: Pick<Deadlines, 'of'>;
  readonly log: Pick<Logger, 'log' | 'warn' | 'error'>;
}

/** Answers every gRPC call of the application that fails. */
export class GrpcAnswersService extends GrpcAnswers {
  readonly #calls: FailedCallLog;

  constructor(private readonly parts: AnswerParts) {
    super();
    this.#calls = new FailedCallLog(parts.log, parts.settings.logging);
    quietNest();
  }

  around(handling: GrpcHandling, next: () => Promise<unknown>): Promise<unknown> {
    const allowed = this.parts.deadlines.of(handling, Date.now());
    if ('refused' in allowed)
      return Promise.resolve(throwError(() => this.#decided(allowed.refused, handling)));
    const answer = (result: unknown): unknown => this.#answer(result, handling);
    const { ms } = allowed;
    if (ms === undefined) return next().then(answer);
    handling.context.message.allow(ms);
    const left = handling.cameAt + ms - performance.now();
    return answerInTime(next(), answer, left, () => {
      // Before it is answered: with that it has ended, and its signal says nothing more.
      handling.abandon(new DOMException('The call has taken longer than it may.', 'TimeoutError'));
      return this.#decided(late(ms), handling);
    });
  }

  #answer(result: unknown, handling: GrpcHandling): unknown {
    const { shields } = this.parts.settings;
    const call = handling.context.message.raw as GrpcCallLike;
    const { isPassThrough, answersByStream } = handling;
    const hasOneAnswer = !isPassThrough && shields.unaryAnswer && answersByStream === false;
    if (!isObservable(result)) {
      const isNothing = hasOneAnswer && (result === undefined || result === null);
      return isNothing ? throwError(() => this.#nothing(handling)) : result;
    }
    if (hasOneAnswer) return this.#once(result, handling, call);
    const answer = result.pipe(
      catchError((error: unknown) => throwError(() => this.#statusOf(error, handling))),
    );
    return isPassThrough && shields.passThrough ? passedThrough(answer, call) : answer;
  }

  #once(answer: Observable<unknown>, handling: GrpcHandling, call: GrpcCallLike) {
    let told = false;
    return onlyAnswer(answer, call, {
      nothing: () => this.#nothing(handling),
      failed: (error) => this.#statusOf(error, handling),
      more: () => {
        if (!told)
          this.parts.log.warn(
            `${handling.context.message.name} is answered once, and its handler has given more than one value: what came after the first is left out. Return one value, or take(1).`,
          );
        told = true;
      },
    });
  }

  #nothing(handling: GrpcHandling): unknown {
    const { name } = handling.context.message;
    const error = new Error(
      `the handler of ${name} has returned nothing, and its caller waits for one message. Return {} where it has no fields.`,
    );
    return this.#answerTo(error, handling);
  }

  /** What grpc-js sends. Never throws: an exception here would leave the caller waiting. */
  #statusOf(error: unknown, handling: GrpcHandling): unknown {
    try {
      const thrown = handling.thrown();
      if (!thrown) return this.#answerTo(error, handling);
      if (isNestsOwn(error, thrown.error)) return this.#known(thrown.error, handling);
      // A filter of the application has decided.
      return error instanceof Error && !isErrorCode(readSafely(error, 'code'))
        ? this.#answerTo(error, handling)
        : this.#chosen(error, thrown.error, handling);
    } catch (problem) {
      this.parts.log.error(
        `A failed call could not be answered as it should be: ${describe(problem)}`,
      );
      return { code: GrpcCode.INTERNAL, details: 'Internal error', message: 'Internal error' };
    }
  }

  #known(error: unknown, handling: GrpcHandling): unknown {
    // One that repeats an answer which was given before.
    const answer = readSafely(error, RPC_ANSWER);
    return answer === undefined
      ? this.#answerTo(error, handling)
      : this.#chosen(answer, error, handling);
  }

  #answerTo(error: unknown, handling: GrpcHandling): unknown {
    const { failure, errorId }: FoundFailure = this.parts.failures.of(error);
    this.#tell(handling, { failure, error, errorId });
    return this.#sent(this.#withDebugInfo(failure, error), handling);
  }

  #tell(
    { context, handler, cameAt }: GrpcHandling,
    failed: Omit<FailedCall, 'name' | 'facts'>,
  ): void {
    const ms = Math.round(performance.now() - cameAt);
    const by = handler ? `, ${handlerName(handler.handler)}` : '';
    const facts = `${ms} ms${by}, correlation id ${context.correlationId}`;
    this.#calls.tell({ ...failed, name: context.message.name, facts });
  }

  /** By a decision of this package. */
  #decided(failure: GrpcFailure, handling: GrpcHandling): unknown {
    this.#tell(handling, { failure, error: undefined, errorId: undefined });
    return this.#sent(failure, handling);
  }

  #sent(failure: GrpcFailure, { context }: GrpcHandling): unknown {
    return wireStatus(failure, context.message.raw as GrpcCallLike, this.parts.settings.wire);
  }

  #withDebugInfo(failure: GrpcFailure, error: unknown): GrpcFailure {
    return this.parts.settings.debugInfo
      ? { ...failure, details: { ...failure.details, debugInfo: debugInfoOf(error) } }
      : failure;
  }

  /** As it is, but so that grpc-js can send it: other codes than those of gRPC, and broken text, would end the process or leave the caller waiting. */
  #chosen(chosen: unknown, error: unknown, handling: GrpcHandling): unknown {
    const own = readSafely(chosen, 'code');
    const code = isErrorCode(own) ? own : GrpcCode.UNKNOWN;
    const said =
      textIn(chosen, 'details') ??
      textIn(chosen, 'message') ??
      (typeof chosen === 'string' ? chosen : 'The call failed.');
    const message = statusMessage(said, this.parts.settings.wire.messageBytes);
    const failure = { code, reason: codeNameOf(code)!, message };
    this.#tell(handling, { failure, error, errorId: undefined });
    const call = handling.context.message.raw as GrpcCallLike;
    const metadata = trailersOf(readSafely(chosen, 'metadata'), call);
    return { code, details: message, message, metadata };
  }
}
