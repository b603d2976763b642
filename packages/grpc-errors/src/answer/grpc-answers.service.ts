import {
  GrpcAnswers,
  handlerName,
  RPC_ANSWER,
  type GrpcCallLike,
  type GrpcHandling,
  type GrpcServed,
} from '@acme/nest-message-context';
import type { Logger } from '@nestjs/common';
import { catchError, isObservable, Observable, throwError } from 'rxjs';
import { codeNameOf, GrpcCode, isErrorCode } from '../core/codes.js';
import type { GrpcFailure } from '../core/failure.js';
import { describe, readSafely, textIn } from '../core/read-safely.js';
import type { CallSpan } from '../observability/call-span.js';
import type { ServerSpans } from '../observability/server-spans.js';
import { tracedAnswer, tracedCallback } from '../observability/traced-answer.js';
import { statusMessage } from '../core/text/status-message.js';
import { GrpcErrorsConfigurationError } from '../grpc-errors.errors.js';
import type { GrpcErrorsSettings } from '../grpc-errors.options.js';
import { late, type Deadlines } from '../deadline/deadlines.js';
import { answerInTime } from '../deadline/in-time.js';
import { isServiceError } from '../presets/upstream.js';
import { debugInfoOf } from './debug-info.js';
import { FailedCallLog } from './failed-call.log.js';
import { Failures, type FoundFailure } from './failures.js';
import { ambiguousServices } from './ambiguous-services.js';
import { Localizer } from './localizer.js';
import { quietNest } from './nests-log.js';
import { isNestsOwn } from './nests-words.js';
import { PassThrough } from './pass-through.js';
import { onlyAnswer } from './shields.js';
import { trailersOf } from './trailers.js';
import { unservedHandlers } from './unserved-handlers.js';
import { wireStatus } from './wire-status.js';

interface AnswerParts {
  readonly settings: GrpcErrorsSettings;
  readonly failures: Pick<Failures, 'of'>;
  readonly deadlines: Pick<Deadlines, 'of'>;
  /** Undefined where nobody traces. */
  readonly spans?: Pick<ServerSpans, 'begin' | 'started'> | undefined;
  readonly log: Pick<Logger, 'log' | 'warn' | 'error'>;
}

/** A call that is handled, and its span, where it has one. */
interface Handling extends GrpcHandling {
  readonly span?: CallSpan | undefined;
  readonly pass?: PassThrough;
}

/** Answers every gRPC call of the application that fails. */
export class GrpcAnswersService extends GrpcAnswers {
  readonly #calls: FailedCallLog;
  readonly #localizer: Localizer;

  constructor(private readonly parts: AnswerParts) {
    super();
    const { logging, localize, wire } = parts.settings;
    this.#calls = new FailedCallLog(parts.log, logging);
    this.#localizer = new Localizer(localize, wire.domain, parts.log);
    quietNest();
  }

  around(given: GrpcHandling, next: () => Promise<unknown>): Promise<unknown> {
    const span = this.parts.spans?.begin(given);
    if (!span) return this.#inTime(this.#passing(given), next);
    const handling = this.#passing({ ...given, span });
    return tracedAnswer({ ...handling, span }, () => this.#inTime(handling, next));
  }

  #inTime(handling: Handling, next: () => Promise<unknown>): Promise<unknown> {
    const { pass } = handling;
    const limited = this.#limited(handling, next);
    // What this package refuses it with has its status.
    return pass ? limited.then((result) => pass.guard(result, (status) => status)) : limited;
  }

  #limited(handling: Handling, next: () => Promise<unknown>): Promise<unknown> {
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
      if (handling.pass?.isAnswered) return undefined;
      return this.#decided(late(ms), handling);
    });
  }

  /** @throws {GrpcErrorsConfigurationError} where one handler would answer for several packages */
  override check(served: readonly GrpcServed[]): void {
    this.parts.spans?.started();
    const problems = ambiguousServices(served);
    if (problems.length > 0) throw new GrpcErrorsConfigurationError(problems, 'The gRPC server');
    for (const line of unservedHandlers(served)) this.parts.log.warn(line);
  }

  #passing(handling: Handling): Handling {
    const { isPassThrough, span } = handling;
    if (!isPassThrough || !this.parts.settings.shields.passThrough) {
      if (span) tracedCallback({ ...handling, span });
      return handling;
    }
    const pass = new PassThrough(handling, {
      failing: (error) => this.#safely(() => this.#given(error, handling)),
      answered: () => span?.answered(),
      tooLate: (error) =>
        this.parts.log.error(
          `${handling.context.message.name} was answered, and its handler has failed after that: ${describe(handling.thrown()?.error ?? error)}`,
        ),
    });
    return { ...handling, pass };
  }

  #answer(result: unknown, handling: Handling): unknown {
    const { shields } = this.parts.settings;
    const call = handling.context.message.raw as GrpcCallLike;
    const { isPassThrough, answersByStream, pass } = handling;
    const statusOf = (error: unknown): unknown => this.#statusOf(error, handling);
    if (pass)
      // What a filter has made of a failure is no answer: nobody would send it.
      return pass.guard(
        handling.thrown() && !isObservable(result) ? throwError(() => result) : result,
        statusOf,
      );
    const hasOneAnswer = !isPassThrough && shields.unaryAnswer && answersByStream === false;
    if (!isObservable(result)) {
      const isNothing = hasOneAnswer && (result === undefined || result === null);
      return isNothing ? throwError(() => this.#nothing(handling)) : result;
    }
    if (hasOneAnswer) return this.#once(result, handling, call);
    return result.pipe(catchError((error: unknown) => throwError(() => statusOf(error))));
  }

  #once(answer: Observable<unknown>, handling: Handling, call: GrpcCallLike) {
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

  #nothing(handling: Handling): unknown {
    const { name } = handling.context.message;
    const error = new Error(
      `the handler of ${name} has returned nothing, and its caller waits for one message. Return {} where it has no fields.`,
    );
    return this.#answerTo(error, handling);
  }

  /** What grpc-js sends. Never throws: an exception here would leave the caller waiting. */
  #safely(status: () => unknown): unknown {
    try {
      return status();
    } catch (problem) {
      this.parts.log.error(
        `A failed call could not be answered as it should be: ${describe(problem)}`,
      );
      return { code: GrpcCode.INTERNAL, details: 'Internal error', message: 'Internal error' };
    }
  }

  #statusOf(error: unknown, handling: Handling): unknown {
    return this.#safely(() => this.#statusBy(error, handling.thrown(), handling));
  }

  #statusBy(error: unknown, thrown: ReturnType<Handling['thrown']>, handling: Handling): unknown {
    if (!thrown) return this.#answerTo(error, handling);
    if (isNestsOwn(error, thrown.error)) return this.#known(thrown.error, handling);
    // A filter of the application has decided.
    return error instanceof Error && !isErrorCode(readSafely(error, 'code'))
      ? this.#answerTo(error, handling)
      : this.#chosen(error, thrown.error, handling);
  }

  /** By the handler of a pass-through call: an error, or a status that it has made itself. */
  #given(error: unknown, handling: Handling): unknown {
    const isStatus = !(error instanceof Error) || isErrorCode(readSafely(error, 'code'));
    return isStatus && !isServiceError(error)
      ? this.#chosen(error, error, handling)
      : this.#answerTo(error, handling);
  }

  #known(error: unknown, handling: Handling): unknown {
    // One that repeats an answer which was given before.
    const answer = readSafely(error, RPC_ANSWER);
    return answer === undefined
      ? this.#answerTo(error, handling)
      : this.#chosen(answer, error, handling);
  }

  #answerTo(error: unknown, handling: Handling): unknown {
    const { failure, errorId }: FoundFailure = this.parts.failures.of(error);
    this.#tell(handling, failure, error, errorId);
    return this.#sent(this.#withDebugInfo(failure, error), handling);
  }

  #tell(
    { context, handler, cameAt, span }: Handling,
    failure: GrpcFailure,
    error: unknown,
    errorId?: string,
  ): void {
    const { code, reason, domain = this.parts.settings.wire.domain } = failure;
    span?.describe({ code, reason, domain, errorId });
    const ms = Math.round(performance.now() - cameAt);
    const by = handler ? `, ${handlerName(handler.handler)}` : '';
    const facts = `${ms} ms${by}, correlation id ${context.correlationId}`;
    this.#calls.tell({ name: context.message.name, failure, error, errorId, facts });
  }

  /** By a decision of this package. */
  #decided(failure: GrpcFailure, handling: Handling): unknown {
    this.#tell(handling, failure, undefined);
    return this.#sent(failure, handling);
  }

  #sent(failure: GrpcFailure, { context: { message } }: Handling): unknown {
    const localized = this.#localizer.of(failure, () => message.headers.get('accept-language'));
    return wireStatus(localized, message.raw as GrpcCallLike, this.parts.settings.wire);
  }

  #withDebugInfo(failure: GrpcFailure, error: unknown): GrpcFailure {
    return this.parts.settings.debugInfo
      ? { ...failure, details: { ...failure.details, debugInfo: debugInfoOf(error) } }
      : failure;
  }

  /** As it is, but so that grpc-js can send it: other codes than those of gRPC, and broken text, would end the process or leave the caller waiting. */
  #chosen(chosen: unknown, error: unknown, handling: Handling): unknown {
    const own = readSafely(chosen, 'code');
    const code = isErrorCode(own) ? own : GrpcCode.UNKNOWN;
    const said =
      textIn(chosen, 'details') ??
      textIn(chosen, 'message') ??
      (typeof chosen === 'string' ? chosen : 'The call failed.');
    const message = statusMessage(said, this.parts.settings.wire.messageBytes);
    const failure = { code, reason: codeNameOf(code)!, message };
    this.#tell(handling, failure, error);
    const call = handling.context.message.raw as GrpcCallLike;
    const metadata = trailersOf(readSafely(chosen, 'metadata'), call);
    return { code, details: message, message, metadata };
  }
}
