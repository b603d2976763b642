import type { RedisScript } from './redis.scripts.js';

/** The part of an ioredis client (or cluster) that is used. */
export interface IoRedisLike {
  eval(script: string, numberOfKeys: number, ...args: string[]): Promise<unknown>;
  evalsha(sha: string, numberOfKeys: number, ...args: string[]): Promise<unknown>;
  info?(section: string): Promise<string>;
}

/** The part of a client (or cluster) of node-redis, package "redis" or "@redis/client", that is used. */
export interface NodeRedisLike {
  eval(script: string, options: ScriptArguments): Promise<unknown>;
  evalSha(sha: string, options: ScriptArguments): Promise<unknown>;
  info?(section: string): Promise<string>;
}

interface ScriptArguments {
  keys: string[];
  arguments: string[];
}

/** A client of either library, or a cluster of it. */
export type RedisLike = IoRedisLike | NodeRedisLike;

/** The part of an ioredis client that is used for subscribing; it can do nothing else meanwhile. */
export interface IoRedisSubscriberLike {
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  on(event: 'message', listener: (channel: string) => void): unknown;
  off(event: 'message', listener: (channel: string) => void): unknown;
}

/** The part of a client of node-redis that is used for subscribing. */
export interface NodeRedisSubscriberLike {
  subscribe(channel: string, listener: () => void): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  evalSha: unknown;
}

/** A client of either library, for subscribing and nothing else. */
export type RedisSubscriberLike = IoRedisSubscriberLike | NodeRedisSubscriberLike;

const isNodeRedis = (client: object): client is NodeRedisLike => hasMethod(client, 'evalSha');

export function hasMethod(value: unknown, name: string): boolean {
  return typeof (value as Record<string, unknown> | null | undefined)?.[name] === 'function';
}

/** Whether scripts can be run on it. */
export const isRedisClient = (value: unknown): value is RedisLike =>
  hasMethod(value, 'eval') && (hasMethod(value, 'evalsha') || hasMethod(value, 'evalSha'));

/**
 * Runs a script by its hash, and the whole script only when Redis has forgotten it (restart, failover, SCRIPT FLUSH).
 * Resolves with what `read` makes of the answer. Not async: every promise of the way that all calls take can be measured.
 */
export function runScript<Answer>(
  client: RedisLike,
  { sha, source }: RedisScript,
  key: string,
  args: string[],
  read: (answer: unknown) => Answer,
): Promise<Answer> {
  const whole = (error: unknown): Promise<Answer> => {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    const running = isNodeRedis(client)
      ? client.eval(source, { keys: [key], arguments: args })
      : client.eval(source, 1, key, ...args);
    return running.then(read);
  };
  const running = isNodeRedis(client)
    ? client.evalSha(sha, { keys: [key], arguments: args })
    : client.evalsha(sha, 1, key, ...args);
  return running.then(read, whole);
}
