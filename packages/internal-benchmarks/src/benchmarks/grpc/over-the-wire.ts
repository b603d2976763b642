import type { BenchmarkRun } from '../../benchmark.js';
import type { Child } from '../../measure/child.js';
import { Caller } from './caller.js';
import { interleaved, least, withChildren } from './children.js';
import type { Key } from './figures.js';
import type { Loads } from './loads.js';
import type { Command } from './subject.js';
import type { MethodName } from './service.js';

const SERVED = ['raw', 'bare', 'localStorage', 'ours', 'niceDetails', 'connect'] as const;

/** What a server does for a call that comes over loopback; the caller is another process. */
export async function overTheWire(
  { figure, progress, row }: BenchmarkRun<Key>,
  { wireRounds, wireCalls, warmup }: Loads,
): Promise<void> {
  progress(`Over loopback: ${wireRounds} rounds of ${wireCalls} calls each way`);
  await withChildren(SERVED, 11, async (children) => {
    const costs = (method: MethodName) =>
      interleaved(children, { rounds: wireRounds, warmup }, (child) =>
        costOf(child, method, wireCalls),
      );
    const success = await costs('Succeed');
    const refusal = await costs('Refuse');
    for (const name of SERVED)
      row(name, {
        where: 'over loopback',
        successMicros: least(success[name]),
        refusalMicros: least(refusal[name]),
      });
    figure('endToEndVsRaw', least(success.ours) / least(success.raw));
    figure('endToEndBareVsRaw', least(success.bare) / least(success.raw));
    figure('endToEndStorageVsRaw', least(success.localStorage) / least(success.raw));
  });
}

async function costOf(child: Child<Command>, method: MethodName, calls: number): Promise<number> {
  const caller = new Caller(await child.ask('port'));
  const before = await child.ask('cpu');
  await caller.call(method, calls);
  caller.close();
  return ((await child.ask('cpu')) - before) / calls;
}
