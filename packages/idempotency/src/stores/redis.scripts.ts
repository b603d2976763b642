import { createHash } from 'node:crypto';

/** A script with the name under which Redis remembers it. */
export interface RedisScript {
  readonly source: string;
  readonly sha: string;
}

const script = (source: string): RedisScript => ({
  source,
  sha: createHash('sha1').update(source).digest('hex'),
});

// One hash per record, so that every script works on a cluster: s state, t token, f fingerprint, n fence, h name, o outcome.
// A lease is the time to live of the key; Redis counts it, so no clock but its own matters.

/**
 * KEYS record. ARGV token, fingerprint ('' = none), lockTtlMs, name. Returns { 'claimed', fence } or
 * { 'running' | 'done', fingerprint, outcome }. A claim of the same token answers as it did the first time: clients send a
 * command again when they reconnect. The fence follows the server's clock, so it does not start anew when a record is gone.
 */
export const CLAIM = script(`
local r = redis.call('hmget', KEYS[1], 's', 't', 'f', 'o', 'n')
if r[1] == 'running' and r[2] == ARGV[1] then return { 'claimed', r[5] } end
if r[1] then return { r[1], r[3], r[4] } end
local time = redis.call('time')
local fence = string.format('%.0f', time[1] * 1000000 + time[2])
redis.call('hset', KEYS[1], 's', 'running', 't', ARGV[1], 'n', fence, 'h', ARGV[4])
if ARGV[2] ~= '' then redis.call('hset', KEYS[1], 'f', ARGV[2]) end
redis.call('pexpire', KEYS[1], ARGV[3])
return { 'claimed', fence }
`);

/**
 * KEYS record. ARGV token, fingerprint ('' = none), ttlMs, name, has outcome ('1' | '0'), outcome. Returns 1 when it stands,
 * 0 when the record is somebody else's. A record that ran out and was not taken by anybody is written anew, as a whole.
 */
export const COMPLETE = script(`
local token = redis.call('hget', KEYS[1], 't')
if token and token ~= ARGV[1] then return 0 end
redis.call('hset', KEYS[1], 's', 'done', 't', ARGV[1], 'h', ARGV[4])
if ARGV[2] ~= '' then redis.call('hset', KEYS[1], 'f', ARGV[2]) end
if ARGV[5] == '1' then redis.call('hset', KEYS[1], 'o', ARGV[6]) end
redis.call('pexpire', KEYS[1], ARGV[3])
return 1
`);

/** KEYS record. ARGV token. Deletes a claim of this token that is not done. */
export const RELEASE = script(`
local r = redis.call('hmget', KEYS[1], 's', 't')
if r[1] == 'running' and r[2] == ARGV[1] then redis.call('del', KEYS[1]) end
return 1
`);

/** KEYS record. ARGV token, lockTtlMs. Returns 1 when the lease was still this token's, else 0. */
export const EXTEND = script(`
local r = redis.call('hmget', KEYS[1], 's', 't')
if r[1] ~= 'running' or r[2] ~= ARGV[1] then return 0 end
redis.call('pexpire', KEYS[1], ARGV[2])
return 1
`);
