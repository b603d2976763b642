import type { BenchmarkRun } from '../../benchmark.js';
import type { NestMajor } from '../../measure/on-nest.js';
import { interleaved, least, withChildren, type Children, type Samples } from './children.js';
import type { Key } from './figures.js';
import type { Loads } from './loads.js';
import type { Served } from './subject.js';

const SERVED = {
  11: [
    'raw',
    'nice',
    'niceDetails',
    'bare',
    'localStorage',
    'oneInterceptor',
    'context',
    'ours',
    'oursThousand',
  ],
  12: ['bare', 'oneInterceptor', 'context', 'ours'],
} as const satisfies Record<NestMajor, readonly Served[]>;

const WITHOUT_NEST: readonly Served[] = ['raw', 'nice', 'niceDetails'];

/** µs of CPU of one call. */
export interface ServerCosts {
  success(name: Served): number;
  refusal(name: Served): number;
}

/** What a call costs its server, by the function that this has given to grpc-js. */
export async function serverCosts(
  nest: NestMajor,
  { progress, row }: BenchmarkRun<Key>,
  loads: Loads,
): Promise<ServerCosts> {
  progress(`Nest ${nest}: ${loads.rounds} rounds of ${loads.calls} calls each way, in process`);
  const names: readonly Served[] = SERVED[nest];
  return withChildren(names, nest, async (children) => {
    const success = await rates(children, 'succeed', loads);
    const refusal = await rates(children, 'refuse', loads);
    for (const name of names)
      row(WITHOUT_NEST.includes(name) ? name : `${name} (Nest ${nest})`, {
        where: 'in process',
        successMicros: least(success[name]),
        refusalMicros: least(refusal[name]),
      });
    return { success: (name) => least(success[name]), refusal: (name) => least(refusal[name]) };
  });
}

/** What a call costs its client, which is answered at once. */
export async function clientCosts(
  { figure, progress, row }: BenchmarkRun<Key>,
  loads: Loads,
): Promise<void> {
  progress('Clients, in process');
  const names = ['rawClient', 'ourClient'] as const;
  await withChildren(names, 11, async (children) => {
    const success = await rates(children, 'succeed', loads);
    const refusal = await rates(children, 'refuse', loads);
    const decode = await rates(children, 'decode', loads);
    for (const name of names)
      row(name, {
        where: 'in process',
        successMicros: least(success[name]),
        refusalMicros: least(refusal[name]),
      });
    figure('clientDecodeMicros', least(decode.ourClient));
    figure('clientSuccessOverRawMicros', least(success.ourClient) - least(success.rawClient));
    figure('clientRefusalOverRawMicros', least(refusal.ourClient) - least(refusal.rawClient));
  });
}

const rates = <Name extends string>(
  children: Children<Name>,
  command: 'succeed' | 'refuse' | 'decode',
  { calls, ...rounds }: Loads,
): Promise<Samples<Name>> => interleaved(children, rounds, (child) => child.ask(command, calls));
