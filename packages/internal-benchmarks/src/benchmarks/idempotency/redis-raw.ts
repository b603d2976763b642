import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { alternate } from '../../measure/alternate.js';
import { median } from '../../measure/statistics.js';
import type { Ground } from './ground.js';
import { CONCURRENT, loadOf } from './loads.js';
import { inRedis } from './our-service.js';
import { latencyRow, type Run } from './report.js';

// The least that a lease with a fence and one recorded outcome needs, in as many commands as our store sends: what is left of
// service.run() when everything is taken away but Redis.
const CLAIM = `
local time = redis.call('time')
local fence = string.format('%.0f', time[1] * 1000000 + time[2])
local record = table.concat({ 'r', ARGV[1], fence, ARGV[3] }, '\\n')
if redis.call('set', KEYS[1], record, 'nx', 'px', ARGV[2]) then return { 'claimed', fence } end
return { 'known', redis.call('get', KEYS[1]) }`;

const COMPLETE = `
local token, fence = string.match(redis.call('get', KEYS[1]), '^r\\n([^\\n]*)\\n(%d+)\\n')
if token ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], table.concat({ 'd', token, fence, ARGV[3], ARGV[4] }, '\\n'), 'px', ARGV[2])
return 1`;

const NAME = 'place order';
const REPLY = { number: 4711, total: 129.9, currency: 'EUR', state: 'placed' };
const DAY_MS = 86_400_000;

/** A first `service.run()` beside the bare scripts, through the same client, call by call. */
export async function redisFirstVsRaw(run: Run, { redis, mark }: Ground): Promise<void> {
  const ours = await inRedis(redis, mark);
  const raw = await rawCalls(redis, mark);
  const handler = async () => REPLY;
  const subjects = {
    raw,
    ours: (i: number) => ours.service.run(`raw-${i}`, handler, { name: NAME }),
  };
  try {
    for (const concurrent of CONCURRENT) {
      const samples = await alternate(subjects, loadOf(concurrent, run.quick));
      const ratio = median(samples.ours) / median(samples.raw);
      if (concurrent === 1) run.figure('redisFirstVsRaw', ratio);
      latencyRow(run, 'bare Redis scripts, first', concurrent, samples.raw);
      latencyRow(run, 'ours, Redis, first', concurrent, samples.ours, {
        ratio,
        over: 'bare scripts',
      });
    }
  } finally {
    await ours.close();
  }
}

async function rawCalls(redis: Redis, mark: string): Promise<(index: number) => Promise<void>> {
  const [claim, complete] = [CLAIM, COMPLETE].map(shaOf) as [string, string];
  await Promise.all([CLAIM, COMPLETE].map((script) => redis.script('LOAD', script)));
  return async (index) => {
    // As long as ours: the hash of a key, and a UUID.
    const key = `${mark}:raw_:${String(index).padStart(64, '0')}`;
    const token = String(index).padStart(36, '0');
    const [state] = (await redis.evalsha(claim, 1, key, token, 30_000, NAME)) as [string];
    if (state !== 'claimed') throw new Error('A new key was not claimed.');
    const reply = JSON.stringify(REPLY);
    const held = await redis.evalsha(complete, 1, key, token, DAY_MS, NAME, reply);
    if (held !== 1) throw new Error('A claim was lost.');
  };
}

const shaOf = (script: string): string => createHash('sha1').update(script).digest('hex');
