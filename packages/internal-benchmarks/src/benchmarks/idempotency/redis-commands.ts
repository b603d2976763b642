import { Redis } from 'ioredis';
import { waitFor } from '../../measure/wait-for.js';
import type { Ground } from './ground.js';
import { openHttp } from './http-app.js';
import { inRedis } from './our-service.js';
import { powertools } from './powertools-peer.js';
import { sentRow, type Run } from './report.js';
import { appWithTheirs } from './vs-node-idempotency.js';

const REPLY = { done: true };

/** Counts what Redis says it was sent for a first call and for a replay. What a script does inside the server is not sent. */
export async function redisCommands(run: Run, ground: Ground): Promise<void> {
  const ours = await inRedis(ground.redis, ground.mark);
  const theirs = await powertools(ground, async () => REPLY);
  const http = await openHttp(appWithTheirs(ground));
  const count = (call: (key: string) => Promise<unknown>) => firstAndReplay(ground, call);
  try {
    const { first, replay } = await count((key) =>
      ours.service.run(key, async () => REPLY, { name: 'count' }),
    );
    run.figure('redisCommandsFirst', first.length);
    run.figure('redisCommandsReplay', replay.length);
    const sent = {
      'ours, Redis': { first, replay },
      'powertools, Redis': await count((order) => theirs.call({ order })),
      'node-idempotency, HTTP, Redis': await count((key) => http.post('/orders', { key })),
    };
    for (const [who, counted] of Object.entries(sent)) {
      sentRow(run, `${who}, first`, counted.first.join(' '));
      sentRow(run, `${who}, replay`, counted.replay.join(' '));
    }
  } finally {
    await http.close();
    await theirs.close();
    await ours.close();
  }
}

async function firstAndReplay(ground: Ground, call: (key: string) => Promise<unknown>) {
  // The first call ever also brings the scripts.
  await call('warm');
  const first = await sentFor(ground, () => call('counted'));
  const replay = await sentFor(ground, () => call('counted'));
  return { first, replay };
}

/** The names of the commands that carry this run's mark, or come over our client, while `work` runs. */
async function sentFor(
  { redisUrl, redis, mark }: Ground,
  work: () => Promise<unknown>,
): Promise<string[]> {
  const ourAddress = /\baddr=(\S+)/.exec(String(await redis.client('INFO')))?.[1];
  const watcher = new Redis(redisUrl);
  const monitor = await watcher.monitor();
  const seen: string[] = [];
  let ended = false;
  const end = `${mark}:end`;
  monitor.on('monitor', (_: string, args: string[], source: string) => {
    const [command = '', ...rest] = args;
    if (ended) return;
    if (rest.includes(end)) ended = true;
    else if (source === ourAddress || (source !== 'lua' && rest.some((arg) => arg.includes(mark))))
      seen.push(command.toLowerCase());
  });
  try {
    await work();
    await redis.echo(end);
    await waitFor(() => ended, 'MONITOR to show the end');
    return seen;
  } finally {
    monitor.disconnect();
    watcher.disconnect();
  }
}
