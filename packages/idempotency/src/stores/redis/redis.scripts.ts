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

// One hash per record, so that every script works on a cluster: s state, t token, f fingerprint, n fence, a attempt, h name,
// o outcome, c created and u locked until, both in ms of Redis's clock, the only one that matters. A record lives as long as
// its lease, or longer where its attempts are counted; so whether it is leased is told by u, not by its being there.

/** KEYS record. ARGV 1 token, 2 fingerprint ('' = none), 3 lockTtlMs, 4 name, 5 attemptTtlMs (0 = attempts are not kept). */
export const CLAIM = script(`
local r = redis.call('hmget', KEYS[1], 's', 't', 'f', 'o', 'n', 'a', 'u')
if r[1] == 'done' then return { 'done', r[3], r[4] } end
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if r[1] == 'running' and tonumber(r[7]) > now then
  if r[2] == ARGV[1] then return { 'claimed', r[5], r[6] } end
  return { 'running', r[3] }
end
local fence = string.format('%.0f', math.max((tonumber(r[5]) or 0) + 1, time[1] * 1000000 + time[2]))
local attempt = (tonumber(r[6]) or 0) + 1
local lock = tonumber(ARGV[3])
redis.call('hset', KEYS[1], 's', 'running', 't', ARGV[1], 'n', fence, 'a', attempt, 'h', ARGV[4], 'c', now, 'u', now + lock)
if ARGV[2] ~= '' then redis.call('hset', KEYS[1], 'f', ARGV[2])
elseif r[3] then redis.call('hdel', KEYS[1], 'f') end
redis.call('pexpire', KEYS[1], math.max(lock, tonumber(ARGV[5])))
return { 'claimed', fence, attempt }
`);

/**
 * KEYS record. ARGV 1 token, 2 fingerprint ('' = none), 3 ttlMs, 4 name, 5 has outcome ('1' | '0'), 6 outcome, 7 channel
 * ('' = nobody listens). Returns 1 when it stands, 0 when the record is somebody else's. A record that ran out and was not
 * taken by anybody is written anew, as a whole.
 */
export const SETTLE = script(`
local r = redis.call('hmget', KEYS[1], 't', 'n')
if r[1] and r[1] ~= ARGV[1] then return 0 end
local time = redis.call('time')
if not r[2] then
  redis.call('hset', KEYS[1], 'n', string.format('%.0f', time[1] * 1000000 + time[2]), 'a', 1,
    'c', time[1] * 1000 + math.floor(time[2] / 1000))
end
redis.call('hset', KEYS[1], 's', 'done', 't', ARGV[1], 'h', ARGV[4])
if ARGV[2] ~= '' then redis.call('hset', KEYS[1], 'f', ARGV[2]) end
if ARGV[5] == '1' then redis.call('hset', KEYS[1], 'o', ARGV[6]) end
redis.call('pexpire', KEYS[1], ARGV[3])
if ARGV[7] ~= '' then redis.call('publish', ARGV[7], '') end
return 1
`);

/** KEYS record. ARGV 1 token, 2 attemptTtlMs (0 = forget them), 3 channel ('' = nobody listens). Only what is running. */
export const RELEASE = script(`
local r = redis.call('hmget', KEYS[1], 's', 't')
if r[1] ~= 'running' or r[2] ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('del', KEYS[1])
else
  redis.call('hset', KEYS[1], 's', 'free')
  redis.call('hdel', KEYS[1], 't', 'f', 'u')
  redis.call('pexpire', KEYS[1], ARGV[2])
end
if ARGV[3] ~= '' then redis.call('publish', ARGV[3], '') end
return 1
`);

/** KEYS record. ARGV 1 token, 2 lockTtlMs. Returns 1 when the lease was still this token's, else 0. */
export const EXTEND = script(`
local r = redis.call('hmget', KEYS[1], 's', 't', 'u')
if r[1] ~= 'running' or r[2] ~= ARGV[1] then return 0 end
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(r[3]) <= now then return 0 end
local lock = tonumber(ARGV[2])
redis.call('hset', KEYS[1], 'u', now + lock)
if redis.call('pttl', KEYS[1]) < lock then redis.call('pexpire', KEYS[1], lock) end
return 1
`);

/** KEYS record. Returns nil, or { state, fingerprint, outcome, fence, attempt, name, created, locked until, expires in ms, now }. */
export const GET = script(`
local r = redis.call('hmget', KEYS[1], 's', 'f', 'o', 'n', 'a', 'h', 'c', 'u')
if not r[1] then return nil end
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = r[1]
if state == 'running' and tonumber(r[8]) <= now then state = 'free' end
return { state, r[2], r[3], r[4], r[5], r[6], r[7], r[8], redis.call('pttl', KEYS[1]), now }
`);

/** KEYS record. ARGV 1 state, 2 channel ('' = nobody listens). A lease that has run out is free. Returns 1 when it is removed. */
export const REMOVE = script(`
local r = redis.call('hmget', KEYS[1], 's', 'u')
local state = r[1]
if not state then return 0 end
if state == 'running' then
  local time = redis.call('time')
  if tonumber(r[2]) <= time[1] * 1000 + math.floor(time[2] / 1000) then state = 'free' end
end
if state ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1])
if ARGV[2] ~= '' then redis.call('publish', ARGV[2], '') end
return 1
`);
