import type { Claim, ClaimRequest, LeaseState, LeaseStore, LeaseTerms } from '../core/store.js';
import { unknownOptions } from '../core/unknown-options.js';
import { IdempotencyConfigurationError } from '../idempotency.errors.js';
import { CLAIM, COMPLETE, EXTEND, RELEASE, type RedisScript } from './redis.scripts.js';

/** The part of an ioredis client (or cluster) that is used. */
export interface RedisLike {
  eval(script: string, numberOfKeys: number, ...args: (string | number)[]): Promise<unknown>;
  evalsha(sha: string, numberOfKeys: number, ...args: (string | number)[]): Promise<unknown>;
}

/** Options of `RedisIdempotencyStore`. */
export interface RedisIdempotencyStoreOptions {
  /**
   * Put before every key.
   * @default 'idempotency:'
   */
  readonly prefix?: string | undefined;
}

/**
 * Leases in Redis 5 or newer: one command to claim (which brings the stored reply along), one to record.
 *
 * Redis must not evict its keys (`maxmemory-policy noeviction`), and a failover may lose what was written last: this keeps
 * duplicates away, it does not make an effect exactly-once. Connecting and closing stay with the owner of the client.
 */
export class RedisIdempotencyStore implements LeaseStore {
  readonly kind = 'lease';
  readonly label = 'Redis';
  readonly #prefix: string;

  /** @throws {IdempotencyConfigurationError} when the client is none of ioredis */
  constructor(
    private readonly client: RedisLike,
    options: RedisIdempotencyStoreOptions = {},
  ) {
    const { prefix = 'idempotency:' } = options;
    const given = client as Partial<RedisLike> | undefined;
    const problems = unknownOptions(options, ['prefix']);
    if (typeof given?.eval !== 'function' || typeof given.evalsha !== 'function')
      problems.push(
        'RedisIdempotencyStore: the client has no eval() and evalsha(). Give a client of ioredis: new Redis(url), or new Redis.Cluster(nodes).',
      );
    if (problems.length > 0) throw new IdempotencyConfigurationError(problems);
    this.#prefix = prefix;
  }

  async claim({
    id,
    name,
    token,
    fingerprint,
    lockTtlMs,
  }: ClaimRequest & LeaseTerms): Promise<Claim> {
    const args = [token, fingerprint ?? '', lockTtlMs, name];
    const [state, second, third] = (await this.run(CLAIM, id, args)) as (string | null)[];
    if (state === 'claimed') return { state, fence: Number(second) };
    const known = second ?? undefined;
    return state === 'done'
      ? { state, fingerprint: known, outcome: third ?? undefined }
      : { state: 'running', fingerprint: known };
  }

  async complete(
    { id, name, token, fingerprint }: ClaimRequest & Pick<LeaseTerms, 'token'>,
    outcome: string | undefined,
    ttlMs: number,
  ): Promise<LeaseState> {
    const kept = outcome === undefined ? ['0', ''] : ['1', outcome];
    const args = [token, fingerprint ?? '', ttlMs, name, ...kept];
    return leaseState(await this.run(COMPLETE, id, args));
  }

  async release(id: string, token: string): Promise<void> {
    await this.run(RELEASE, id, [token]);
  }

  async extend(id: string, token: string, lockTtlMs: number): Promise<LeaseState> {
    return leaseState(await this.run(EXTEND, id, [token, lockTtlMs]));
  }

  /** By its hash; the whole script only when Redis has forgotten it (restart, failover, SCRIPT FLUSH). */
  private async run(
    { sha, source }: RedisScript,
    id: string,
    args: readonly (string | number)[],
  ): Promise<unknown> {
    const key = this.#prefix + id;
    try {
      return await this.client.evalsha(sha, 1, key, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return this.client.eval(source, 1, key, ...args);
    }
  }
}

const leaseState = (answer: unknown): LeaseState => (Number(answer) === 1 ? 'held' : 'lost');
