import { Redis } from 'ioredis';
import { waitFor } from '../../measure/wait-for.js';
import type { Ground } from './ground.js';
import { inRedis } from './our-service.js';
import type { Run } from './report.js';
import { powertools } from './powertools-peer.js';

/** Counts what Redis says it was sent for a first call and for a replay. What a script does inside the server is not sent. */
export async function redisCommands(run: Run, ground: Ground): Promise<void> {
  const ours = await inRedis(ground.redis, ground.mark);
  const peer = await powertools(ground, async () => ({ done: true }));
  const call = (key: string) =>
    ours.service.run(key, async () => ({ done: true }), { name: 'count' });
  try {
    // The first call ever also brings the scripts.
    await call('warm');
    const first = await sentFor(ground, () => call('counted'));
    const replay = await sentFor(ground, () => call('counted'));
    run.figure('redisCommandsFirst', first.length);
    run.figure('redisCommandsReplay', replay.length);
    commandRow(run, 'ours, Redis', first, replay);
    const theirs = await sentFor(ground, () => peer.call({ order: 'counted' }));
    const theirReplay = await sentFor(ground, () => peer.call({ order: 'counted' }));
    commandRow(run, 'powertools, Redis', theirs, theirReplay);
  } finally {
    await peer.close();
    await ours.close();
  }
}

const commandRow = ({ row }: Run, who: string, first: string[], replay: string[]): void =>
  row(`${who}: commands`, {
    first: first.join(' ') || 'none',
    replay: replay.join(' ') || 'none',
  });

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
