import type {
  AttemptsLeft,
  Claim,
  ClaimRequest,
  IdempotencyStore,
  LeaseState,
  LeaseTerms,
  StoredRecord,
  StoreFinding,
} from '../../core/store.js';
import { unknownOptions } from '../../core/unknown-options.js';
import { IdempotencyConfigurationError } from '../../idempotency.errors.js';
import {
  hasMethod,
  isRedisClient,
  runScript,
  type RedisLike,
  type RedisSubscriberLike,
} from './redis-client.js';
import { RedisNotices } from './redis-notices.js';
import { CLAIM, EXTEND, GET, RELEASE, REMOVE, SETTLE, type RedisScript } from './redis.scripts.js';

/** Options of `RedisIdempotencyStore`. */
export interface RedisIdempotencyStoreOptions {
  /**
   * Put before every key.
   * @default 'idempotency:'
   */
  readonly prefix?: string | undefined;
  /**
   * A connection of its own for this store (`redis.duplicate()`), on which duplicates hear that the call they wait for has
   * ended, in whatever process. Every process of the service needs it, since those that have it also tell. Without it they
   * look again, at growing intervals of up to half a second.
   */
  readonly subscriber?: RedisSubscriberLike | undefined;
}

/**
 * Leases in Redis 5 or newer, or a cluster of it, through ioredis or node-redis: one command to claim (which brings the
 * stored reply along), one to settle.
 *
 * Redis must not evict its keys (`maxmemory-policy noeviction`), and a failover may lose what was written last: this keeps
 * duplicates away, it does not make an effect exactly-once. Connecting and closing stay with the owner of the clients.
 */
export class RedisIdempotencyStore implements IdempotencyStore {
  readonly label = 'Redis';
  readonly #prefix: string;
  readonly #notices: RedisNotices | undefined;
  /** Present only where it can be done. */
  readonly subscribe?: (id: string, ended: () => void) => Promise<() => void>;

  /** @throws {IdempotencyConfigurationError} when the client is none of ioredis or node-redis */
  constructor(
    private readonly client: RedisLike,
    options: RedisIdempotencyStoreOptions = {},
  ) {
    const { prefix = 'idempotency:', subscriber } = options;
    const problems = unknownOptions(options, ['prefix', 'subscriber']);
    if (!isRedisClient(client))
      problems.push(
        'RedisIdempotencyStore: this is no client of Redis. Give one of ioredis (new Redis(url), new Redis.Cluster(nodes)) or of node-redis (createClient(), createCluster()).',
      );
    if (subscriber !== undefined && !hasMethod(subscriber, 'subscribe'))
      problems.push(
        'RedisIdempotencyStore subscriber: it cannot subscribe(). Give a second connection: redis.duplicate().',
      );
    if (subscriber !== undefined && (subscriber as unknown) === client)
      problems.push(
        'RedisIdempotencyStore subscriber: it is the client itself, and a connection that subscribes can do nothing else. Give a second one: redis.duplicate().',
      );
    if (problems.length > 0) throw new IdempotencyConfigurationError(problems);
    this.#prefix = prefix;
    if (!subscriber) return;
    const notices = new RedisNotices(subscriber);
    this.#notices = notices;
    this.subscribe = (id, ended) => notices.listen(this.channelOf(id), ended);
  }

  claim(request: ClaimRequest & LeaseTerms): Promise<Claim> {
    const { id, name, token, fingerprint, lockTtlMs, attemptTtlMs = 0 } = request;
    const args = [token, fingerprint ?? '', String(lockTtlMs), lineOf(name), String(attemptTtlMs)];
    return this.run(CLAIM, id, args, toClaim);
  }

  /** One script for each, since a cluster keeps them in different places; all are on their way at once. */
  claimMany(requests: readonly ClaimRequest[], terms: LeaseTerms): Promise<Claim[]> {
    return Promise.all(requests.map((request) => this.claim({ ...request, ...terms })));
  }

  settle(
    { id, name, token, fingerprint }: ClaimRequest & Pick<LeaseTerms, 'token'>,
    outcome: string | undefined,
    ttlMs: number,
  ): Promise<LeaseState> {
    const has = outcome === undefined ? '0' : '1';
    const channel = this.told(id);
    const args = [
      token,
      fingerprint ?? '',
      String(ttlMs),
      lineOf(name),
      has,
      outcome ?? '',
      channel,
    ];
    return this.run(SETTLE, id, args, leaseState);
  }

  release(id: string, token: string, attempts?: AttemptsLeft): Promise<void> {
    const { ttlMs = 0, counted = true } = attempts ?? {};
    const args = [token, String(ttlMs), counted ? '0' : '1', this.told(id)];
    return this.run(RELEASE, id, args, () => {});
  }

  extend(id: string, token: string, lockTtlMs: number): Promise<LeaseState> {
    return this.run(EXTEND, id, [token, String(lockTtlMs)], leaseState);
  }

  get(id: string): Promise<StoredRecord | undefined> {
    return this.run(GET, id, [], (found) => toRecord(id, found));
  }

  remove(id: string, state: StoredRecord['state']): Promise<boolean> {
    return this.run(REMOVE, id, [state[0]!, this.told(id)], (count) => Number(count) === 1);
  }

  /** Redis does so itself. */
  purge(): Promise<number> {
    return Promise.resolve(0);
  }

  async check(): Promise<StoreFinding[]> {
    // A cluster of node-redis cannot be asked as a whole, and some hosts forbid the question.
    const info = await this.client.info?.('memory').catch(() => '');
    const policy = /^maxmemory_policy:(\S+)/m.exec(info ?? '')?.[1];
    const limited = !/^maxmemory:0\s/m.test(info ?? '');
    if (policy === undefined || policy === 'noeviction' || !limited) return [];
    return [
      {
        severity: 'warning',
        text: `store: Redis forgets keys when its memory is full (maxmemory-policy ${policy}), and with them what has been done. Set maxmemory-policy noeviction, or give idempotency a Redis of its own.`,
      },
    ];
  }

  private run<Answer>(
    script: RedisScript,
    id: string,
    args: string[],
    read: (answer: unknown) => Answer,
  ): Promise<Answer> {
    return runScript(this.client, script, this.#prefix + id, args, read);
  }

  private channelOf(id: string): string {
    return `${this.#prefix}ended:${id}`;
  }

  /** The channel that is told of the end; '' where nobody listens. */
  private told(id: string): string {
    return this.#notices ? this.channelOf(id) : '';
  }
}

const STATES = { r: 'running', d: 'done', f: 'free' } as const;

/** A name has one line of the record. */
const lineOf = (name: string): string => (name.includes('\n') ? name.replaceAll('\n', ' ') : name);

const leaseState = (answer: unknown): LeaseState => (Number(answer) === 1 ? 'held' : 'lost');

function toClaim(answer: unknown): Claim {
  const [state, second, third] = answer as (string | null)[];
  if (state === 'claimed') return { state, fence: Number(second), attempt: Number(third) };
  const known = second ?? undefined;
  return state === 'done'
    ? { state, fingerprint: known, outcome: third ?? undefined }
    : { state: 'running', fingerprint: known };
}

function toRecord(id: string, found: unknown): StoredRecord | undefined {
  if (!found) return undefined;
  const [state, fingerprint, outcome, fence, attempt, name, created, lockedUntil, ttl, now] =
    found as (string | number | null)[];
  return {
    id,
    name: String(name),
    state: STATES[state as keyof typeof STATES],
    fingerprint: textOrNothing(fingerprint),
    outcome: textOrNothing(outcome),
    fence: Number(fence),
    attempt: Number(attempt),
    createdAt: new Date(Number(created)),
    expiresAt: new Date(Number(now) + Number(ttl)),
    lockedUntil: state === 'r' ? new Date(Number(lockedUntil)) : undefined,
  };
}

const textOrNothing = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;
