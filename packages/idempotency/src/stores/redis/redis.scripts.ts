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

// One text per record, so that every script works on a cluster, and a claim that meets nobody is one write: state (r running,
// d done, f free), token, fence, attempt, created and locked until (both in ms of Redis's clock, the only one that matters),
// fingerprint, name, whether there is an outcome, each in a line of its own, and the outcome as the rest. A record lives as
// long as its lease, or longer where its attempts are counted; so whether it is leased is told by "until", not by its being there.

const PARSED = `string.match(v, '^(%l)\\n([^\\n]*)\\n(%d+)\\n(%d+)\\n(%d+)\\n(%d+)\\n([^\\n]*)\\n([^\\n]*)\\n([01])\\n(.*)$')`;

/** `clock` in µs, `now` in ms. */
const CLOCK = `
local time = redis.call('time')
local clock = time[1] * 1000000 + time[2]
local now = math.floor(clock / 1000)`;

/**
 * KEYS record. ARGV 1 token, 2 fingerprint ('' = none), 3 lockTtlMs, 4 name, 5 attemptTtlMs (0 = attempts are not kept).
 * Returns { 'claimed', fence, attempt }, { 'running', fingerprint } or { 'done', fingerprint, outcome }.
 */
export const CLAIM = script(`${CLOCK}
local lock = tonumber(ARGV[3])
local keep = math.max(lock, tonumber(ARGV[5]))
local function record(fence, attempt)
  return table.concat({ 'r', ARGV[1], fence, attempt, now, now + lock, ARGV[2], ARGV[4], '0\\n' }, '\\n')
end
local fence = string.format('%.0f', clock)
if redis.call('set', KEYS[1], record(fence, 1), 'nx', 'px', keep) then return { 'claimed', fence, 1 } end
local v = redis.call('get', KEYS[1])
local state, token, last, attempt, created, untl, print, name, has, outcome = ${PARSED}
if not state then return redis.error_reply('RECORD is none of this store: ' .. KEYS[1]) end
if state == 'd' then return { 'done', print ~= '' and print, has == '1' and outcome } end
if state == 'r' and tonumber(untl) > now then
  if token == ARGV[1] then return { 'claimed', last, attempt } end
  return { 'running', print ~= '' and print }
end
fence = string.format('%.0f', math.max(last + 1, clock))
redis.call('set', KEYS[1], record(fence, attempt + 1), 'px', keep)
return { 'claimed', fence, attempt + 1 }
`);

/**
 * KEYS record. ARGV 1 token, 2 fingerprint ('' = none), 3 ttlMs, 4 name, 5 has outcome ('1' | '0'), 6 outcome, 7 channel
 * ('' = nobody listens). Returns 1 when it stands, 0 when the record is somebody else's. A record that ran out and was not
 * taken by anybody is written anew.
 */
export const SETTLE = script(`
local v = redis.call('get', KEYS[1])
local state, token, fence, attempt, created
if v then
  state, token, fence, attempt, created = string.match(v, '^(%l)\\n([^\\n]*)\\n(%d+)\\n(%d+)\\n(%d+)\\n')
  if state ~= 'f' and token ~= ARGV[1] then return 0 end
else${CLOCK.replaceAll('\n', '\n  ')}
  fence, attempt, created = string.format('%.0f', clock), 1, now
end
redis.call('set', KEYS[1],
  table.concat({ 'd', ARGV[1], fence, attempt, created, '0', ARGV[2], ARGV[4], ARGV[5], ARGV[6] }, '\\n'),
  'px', ARGV[3])
if ARGV[7] ~= '' then redis.call('publish', ARGV[7], '') end
return 1
`);

/**
 * KEYS record. ARGV 1 token, 2 attemptTtlMs (0 = forget them), 3 how many of them count less, 4 channel ('' = nobody
 * listens). Only what is running.
 */
export const RELEASE = script(`
local v = redis.call('get', KEYS[1])
if not v then return 0 end
local state, token, fence, attempt, created, untl, print, name = ${PARSED}
if state ~= 'r' or token ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('del', KEYS[1])
else
  redis.call('set', KEYS[1],
    table.concat({ 'f', '', fence, attempt - ARGV[3], created, '0', '', name, '0\\n' }, '\\n'),
    'px', ARGV[2])
end
if ARGV[4] ~= '' then redis.call('publish', ARGV[4], '') end
return 1
`);

/** KEYS record. ARGV 1 token, 2 lockTtlMs. Returns 1 when the lease was still this token's, else 0. */
export const EXTEND = script(`
local v = redis.call('get', KEYS[1])
if not v then return 0 end
local state, token, fence, attempt, created, untl, print, name = ${PARSED}
if state ~= 'r' or token ~= ARGV[1] then return 0 end${CLOCK}
if tonumber(untl) <= now then return 0 end
local lock = tonumber(ARGV[2])
redis.call('set', KEYS[1],
  table.concat({ 'r', token, fence, attempt, created, now + lock, print, name, '0\\n' }, '\\n'),
  'px', math.max(lock, redis.call('pttl', KEYS[1])))
return 1
`);

/** KEYS record. Returns nil, or { state, fingerprint, outcome, fence, attempt, name, created, locked until, expires in ms, now }. */
export const GET = script(`
local v = redis.call('get', KEYS[1])
if not v then return nil end
local state, token, fence, attempt, created, untl, print, name, has, outcome = ${PARSED}
if not state then return redis.error_reply('RECORD is none of this store: ' .. KEYS[1]) end${CLOCK}
if state == 'r' and tonumber(untl) <= now then state = 'f' end
return { state, print ~= '' and print, has == '1' and outcome, fence, attempt, name, created, untl,
  redis.call('pttl', KEYS[1]), now }
`);

/** KEYS record. ARGV 1 state (r | d | f), 2 channel ('' = nobody listens). Returns 1 when it is removed. */
export const REMOVE = script(`
local v = redis.call('get', KEYS[1])
if not v then return 0 end
local state, token, fence, attempt, created, untl = ${PARSED}
if state == 'r' then${CLOCK.replaceAll('\n', '\n  ')}
  if tonumber(untl) <= now then state = 'f' end
end
if state ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1])
if ARGV[2] ~= '' then redis.call('publish', ARGV[2], '') end
return 1
`);
