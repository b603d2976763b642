import { Inject, Injectable } from '@nestjs/common';
import { MessageContext } from '@acme/nest-message-context';
import { fingerprintOf } from './core/fingerprint.js';
import { recordIdOf } from './core/identity.js';
import { parseValueKey } from './core/key.js';
import { IdempotencyInfo } from './idempotency-info.js';
import {
  IdempotencyConfigurationError,
  IdempotencyKeyInvalidError,
  IdempotencyKeyRequiredError,
} from './idempotency.errors.js';
import {
  problemsOfCall,
  problemsOfDefaults,
  type IdempotencyDefaults,
  type IdempotentOptions,
} from './idempotency.options.js';
import { settingsOf, waitMsOf } from './stage/call-settings.js';
import { conclude, storedReply } from './stage/concluding.js';
import { Protection } from './stage/protection.js';
import { isRefusal } from './stage/result.js';

/** Options of `IdempotencyService.run()`. */
export interface RunIdempotentOptions
  extends
    Omit<IdempotencyDefaults, 'principal'>,
    Pick<IdempotentOptions, 'mode' | 'effect' | 'isolation' | 'serialize'> {
  /** What is done, stable for ever: a key belongs to a name, and the same key may serve another one. */
  readonly name: string;
  /** Whose call it is, where keys are chosen by callers. */
  readonly principal?: string | undefined;
  /** What must be the same when the key comes again; left out, nothing is compared. */
  readonly fingerprint?: unknown;
}

/** The same protection as `@Idempotent()`, for a piece of code: jobs, items of a batch, parts of a handler. */
@Injectable()
export class IdempotencyService {
  constructor(@Inject(Protection) private readonly protection: Protection) {}

  /**
   * Runs `fn` unless it ran before under this key and name, and resolves with its result or a stored copy of it. While
   * another call runs it, this one waits (`waitTimeout`).
   *
   * @throws {IdempotencyKeyRequiredError} or {IdempotencyKeyInvalidError} when the key is none
   * @throws {IdempotencyKeyInUseError} when the other call did not end in time
   * @throws {IdempotencyKeyReusedError} when the fingerprint differs from the first call's
   * @throws {IdempotencyReplyNotKeptError} when `fn` ran before and its result could not be kept; it was not run again
   * @throws {IdempotencyStoreUnavailableError} when the store cannot be asked; `fn` was not run
   */
  async run<R>(
    key: string | number | bigint,
    fn: () => Promise<R>,
    options: RunIdempotentOptions,
  ): Promise<R> {
    try {
      return await this.protect(key, fn, options);
    } catch (error) {
      this.protection.report(error, options.name);
      throw error;
    }
  }

  private async protect<R>(
    key: string | number | bigint,
    fn: () => Promise<R>,
    options: RunIdempotentOptions,
  ): Promise<R> {
    const { name, principal, fingerprint, serialize, ...rest } = options;
    const problems = [
      ...problemsOfDefaults(rest),
      ...problemsOfCall({ ...rest, serialize }),
      ...this.protection.problemsOfMode(rest),
    ];
    if (typeof name !== 'string' || name === '')
      problems.push('name: missing. Say what is run, in a word that will not change.');
    if (problems.length > 0) throw new IdempotencyConfigurationError(problems);
    const { namespace, defaults } = this.protection.options;
    const id = recordIdOf({ namespace, principal, name, key: checked(key) });
    if (IdempotencyInfo.current()?.holds(id)) return fn();
    const settings = settingsOf(rest, defaults, 'method');
    const deadline = MessageContext.current()?.message.deadline;
    const execution = await this.protection.execute({
      id,
      name,
      fingerprint: fingerprint === undefined ? undefined : fingerprintOf(fingerprint),
      settings,
      waitMs: waitMsOf(settings, deadline, Date.now()),
      options: rest,
      redelivers: false,
      run: fn,
      conclude: (value) =>
        isRefusal(value, undefined)
          ? { value, verdict: 'undo' }
          : conclude(value, { name, serialize, reply: undefined }, this.protection),
    });
    return execution.replayed
      ? (storedReply(execution.outcome, name, id).body as R)
      : (execution.value as R);
  }
}

function checked(key: unknown): string {
  const parsed = parseValueKey(key);
  if ('key' in parsed) return parsed.key;
  if ('invalid' in parsed) throw new IdempotencyKeyInvalidError(parsed.invalid);
  throw new IdempotencyKeyRequiredError('the first argument of run()');
}
