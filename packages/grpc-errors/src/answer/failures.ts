import { randomUUID } from 'node:crypto';
import { GrpcCode, type GrpcErrorCode } from '../core/codes.js';
import type { FailureOf, GrpcFailure } from '../core/failure.js';
import { callSafely, readSafely, textIn } from '../core/read-safely.js';
import { isRemoteError } from '../client/remote-error.js';
import type { ErrorRules } from '../mapping/error-rules.js';

/** How an error is answered that nobody knows. */
export interface UnknownSettings {
  readonly code: GrpcErrorCode;
  readonly message: string;
}

/** A failure, and what it was found by. */
export interface FoundFailure {
  readonly failure: GrpcFailure;
  /** Of one that nobody knows: callers see it, and the log has it. */
  readonly errorId?: string;
}

/** Deeper causes have nothing to say about the request. */
const CAUSES = 8;

/** Says how any error is answered: by what was said of its class, by itself, by its shape, or by those of its causes. Never throws. */
export class Failures {
  constructor(
    private readonly rules: Pick<ErrorRules, 'answer' | 'answerExplicitly'>,
    private readonly presets: readonly FailureOf[],
    private readonly unknown: UnknownSettings,
    /** Told of a mapping that has failed itself. */
    private readonly broken: (problem: unknown, error: unknown) => void,
  ) {}

  of(error: unknown): FoundFailure {
    const failure = this.#known(error);
    if (failure) return { failure };
    const errorId = randomUUID();
    const { code, message } = this.unknown;
    const reason = code === GrpcCode.UNKNOWN ? 'UNKNOWN_ERROR' : 'INTERNAL_ERROR';
    const details = { requestInfo: { requestId: errorId, servingData: '' } };
    return { failure: { code, reason, message, metadata: { errorId }, details }, errorId };
  }

  #known(error: unknown): GrpcFailure | undefined {
    let one = error;
    for (let depth = 0; depth < CAUSES && one !== undefined && one !== null; depth += 1) {
      // Revived by our client, it is the other service's answer, and looked through for that.
      const isTheirs = isRemoteError(readSafely(one, 'cause'));
      const failure = this.#byRules(one, isTheirs) ?? (isTheirs ? undefined : this.#byShape(one));
      if (failure) return failure;
      one = causeOf(one);
    }
    return undefined;
  }

  #byRules(error: unknown, isTheirs: boolean): GrpcFailure | undefined {
    try {
      return isTheirs ? this.rules.answerExplicitly(error) : this.rules.answer(error);
    } catch (problem) {
      this.broken(problem, error);
      return undefined;
    }
  }

  #byShape(error: unknown): GrpcFailure | undefined {
    for (const preset of this.presets) {
      const failure = preset(error);
      if (failure) return failure;
    }
    return undefined;
  }
}

/** What an error was made of: by the standard, by TypeORM, by an `RpcException` around another error. */
function causeOf(error: unknown): unknown {
  const cause = readSafely(error, 'cause') ?? readSafely(error, 'driverError');
  if (cause !== undefined && cause !== null) return cause;
  const inner = callSafely(error, 'getError');
  return inner instanceof Error ? inner : undefined;
}

/** @internal For the log. */
export const nameOfError = (error: unknown): string =>
  textIn(error, 'name') ?? (error === null ? 'null' : typeof error);
