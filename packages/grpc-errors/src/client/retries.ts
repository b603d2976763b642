import type { MethodDefinition } from '@grpc/grpc-js';
import { GrpcCode } from '../core/codes.js';
import { callSafely, readSafely } from '../core/read-safely.js';
import { RetryBudget } from '../core/retry-budget.js';
import { nextAttemptIn, pushbackIn, type RetrySettings } from '../core/retry-plan.js';
import type { GrpcCallOptions } from './grpc-service.types.js';
import { codeOf, detailsOf } from './remote-errors.js';

/** Says when a call that has failed is made again. */
export class Retries {
  static readonly none = new Retries({ attempts: 1, initialMs: 1, maxMs: 1 }, new RetryBudget());

  constructor(
    private readonly settings: RetrySettings,
    private readonly budget: RetryBudget,
  ) {}

  /** Whether calls of this method may be made more than once: its proto file says that it may be, or the call has a key by which the other side knows it. */
  isFor(method: MethodDefinition<unknown, unknown>, options: GrpcCallOptions): boolean {
    if (options.retry === false || this.settings.attempts === 1) return false;
    if (method.requestStream || method.responseStream) return false;
    return options.idempotencyKey !== undefined || REPEATABLE.has(levelOf(method));
  }

  /** It has an answer, whatever that is. */
  answered(): void {
    this.budget.answered();
  }

  /** After how many milliseconds it is made again; undefined where it is not. */
  after(error: unknown, attempt: number, deadline: number): number | undefined {
    const code = codeOf(error);
    if (code !== GrpcCode.UNAVAILABLE) return undefined;
    if (!this.budget.failed()) return undefined;
    const trailers = callSafely(readSafely(error, 'metadata'), 'getMap');
    return nextAttemptIn(this.settings, {
      attempt,
      code,
      retryAfterMs: detailsOf(error, code).retryInfo?.retryDelayMs,
      pushback: pushbackIn(readSafely(trailers, 'grpc-retry-pushback-ms')),
      now: Date.now(),
      deadline,
      random: Math.random(),
    });
  }
}

const REPEATABLE: ReadonlySet<unknown> = new Set(['IDEMPOTENT', 'NO_SIDE_EFFECTS']);

/** Of proto-loader: `option idempotency_level = IDEMPOTENT;`. */
const levelOf = (method: object): unknown =>
  readSafely(readSafely(method, 'options'), 'idempotency_level');
