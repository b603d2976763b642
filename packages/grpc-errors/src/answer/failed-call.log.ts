import type { Logger } from '@nestjs/common';
import { codeNameOf } from '../core/codes.js';
import type { GrpcFailure } from '../core/failure.js';
import { failureLevelOf, type FailureLevel } from '../core/log-level.js';
import { describe, readSafely, textIn } from '../core/read-safely.js';
import type { GrpcErrorsModuleOptions } from '../grpc-errors.options.js';
import { nameOfError } from './failures.js';

const LEVELS: ReadonlySet<unknown> = new Set<FailureLevel>(['log', 'warn', 'error']);

/** A call or request that has failed, as far as it is told of. */
export interface FailedCall {
  /** What was called. */
  readonly name: string;
  readonly failure: Pick<GrpcFailure, 'code' | 'reason' | 'message' | 'domain'>;
  /** Undefined where it is the decision of this package. */
  readonly error: unknown;
  readonly errorId: string | undefined;
  /** How long it took, by whom it was handled, what it belongs to. */
  readonly facts: string;
}

/** One line for each call that has failed: what was called, how it was answered, and why in truth. */
export class FailedCallLog {
  constructor(
    private readonly log: Pick<Logger, 'log' | 'warn' | 'error'>,
    private readonly logging: GrpcErrorsModuleOptions['logging'],
  ) {}

  tell(failed: FailedCall): void {
    const { code } = failed.failure;
    if (this.logging === false) return;
    const level = this.logging ? this.#levelOf(code) : failureLevelOf(code);
    if (level === false) return;
    const line = lineOf(failed);
    if (level !== 'error') this.log[level](line);
    else this.log.error(line, textIn(failed.error, 'stack'));
  }

  #levelOf(code: GrpcFailure['code']) {
    const choose = this.logging as Exclude<GrpcErrorsModuleOptions['logging'], false | undefined>;
    try {
      const level = choose(codeNameOf(code)!);
      if (level === false || LEVELS.has(level)) return level;
    } catch {
      // As if it had said nothing.
    }
    return failureLevelOf(code);
  }
}

function lineOf({ name, failure, error, errorId, facts }: FailedCall): string {
  const { code, reason, message } = failure;
  const isTold = error === undefined || readSafely(error, 'message') === message;
  // What callers are not told.
  const inTruth = isTold ? '' : `, because of ${nameOfError(error)} ${describe(error)}`;
  const known = errorId === undefined ? facts : `${facts}, error id ${errorId}`;
  return `${name} failed with ${codeNameOf(code)!} (${reason}): ${onOneLine(message)}${inTruth} [${known}]`;
}

/** Whoever can have words in the log could otherwise write lines of his own. */
const onOneLine = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
