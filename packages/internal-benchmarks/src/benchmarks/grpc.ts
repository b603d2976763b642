import { defineBenchmark, type BenchmarkRun } from '../benchmark.js';
import { startChild, type Child } from '../measure/child.js';
import { interleave } from '../measure/interleave.js';
import type { NestMajor } from '../measure/on-nest.js';
import { Caller } from './grpc/caller.js';
import type { Calling, Command, Served } from './grpc/subject.js';

const figures = {
  successOverNestBareMicros:
    'µs of CPU that the transport door and everything that the server side has add to a call; the worse Nest',
  successOverOneInterceptorMicros:
    'the same over Nest with one interceptor that does nothing; the worse Nest',
  richErrorMicros:
    'µs of CPU of a call that is refused with ErrorInfo and BadRequest, all of it: Nest, the error, its line of log; the worse Nest',
  clientDecodeMicros:
    'µs of CPU that a refusal costs our client, with its details and its class, beyond what it costs grpc-js',
  vsNiceGrpcError: 'CPU of a refused call, ours on Nest over nice-grpc with its error details',
  thousandMappingsVsOne: 'CPU of a refused call with a thousand mappings over that with one',
  listenersLeft: 'listeners that calls have left at what they were made of, after they have ended',
  heapGrowthMiB: 'MiB of heap after a forced collection that those calls leave',
  endToEndVsRaw: 'CPU of the server per call over loopback, ours on Nest over grpc-js alone',
  endToEndBareVsRaw: 'the same of Nest alone',
};

type Key = keyof typeof figures;
type Run = BenchmarkRun<Key>;
type Samples<Name extends string> = Readonly<Record<Name, readonly number[]>>;

const load = (quick: boolean) =>
  quick
    ? { rounds: 4, calls: 2_000, manyCalls: 10_000, wireRounds: 2, wireCalls: 2_000 }
    : { rounds: 15, calls: 10_000, manyCalls: 100_000, wireRounds: 7, wireCalls: 10_000 };

const SERVED = {
  11: ['raw', 'nice', 'niceDetails', 'bare', 'oneInterceptor', 'context', 'ours', 'oursThousand'],
  12: ['bare', 'oneInterceptor', 'context', 'ours'],
} as const satisfies Record<NestMajor, readonly Served[]>;

const OVER_THE_WIRE = ['raw', 'bare', 'ours', 'niceDetails', 'connect'] as const;

const program = <Name extends Served | Calling>(name: Name, nest: NestMajor) =>
  startChild<Command>(name, 'grpc/program.js', [name], nest);

/** What gRPC costs on Nest, in process and over loopback: each subject in a process of its own, as it is in production. */
export const grpc = defineBenchmark<Key>({
  name: 'grpc',
  title: 'What errors, deadlines and contexts cost over gRPC',
  services: [],
  figures,
  bars: {
    successOverNestBareMicros: { atMost: 5 },
    richErrorMicros: { atMost: 25 },
    clientDecodeMicros: { atMost: 5 },
    vsNiceGrpcError: { atMost: 0.5 },
    thousandMappingsVsOne: { atMost: 1.15 },
    listenersLeft: { atMost: 0 },
  },
  versionsOf: [
    '@acme/nest-grpc-errors',
    '@grpc/grpc-js',
    'nice-grpc',
    'nice-grpc-error-details',
    '@connectrpc/connect-node',
  ],
  run: async (run) => {
    const on11 = await serverCosts(11, run);
    const on12 = await serverCosts(12, run);
    const worse = (figure: (costs: ServerCosts) => number) => Math.max(figure(on11), figure(on12));
    run.figure(
      'successOverNestBareMicros',
      worse(({ success }) => success('ours') - success('bare')),
    );
    run.figure(
      'successOverOneInterceptorMicros',
      worse(({ success }) => success('ours') - success('oneInterceptor')),
    );
    run.figure(
      'richErrorMicros',
      worse(({ refusal }) => refusal('ours')),
    );
    run.figure('vsNiceGrpcError', on11.refusal('ours') / on11.refusal('niceDetails'));
    run.figure('thousandMappingsVsOne', on11.refusal('oursThousand') / on11.refusal('ours'));
    run.figure('clientDecodeMicros', await clientDecode(run));
    await whatIsLeft(run);
    await overTheWire(run);
  },
});

interface ServerCosts {
  success(name: Served): number;
  refusal(name: Served): number;
}

/** The least of all rounds: what else the machine does only ever adds. */
const least = (samples: readonly number[] | undefined): number => Math.min(...samples!);

async function serverCosts(nest: NestMajor, run: Run): Promise<ServerCosts> {
  const { rounds, calls } = load(run.quick);
  run.progress(`Nest ${nest}: ${rounds} rounds of ${calls} calls each way, in process`);
  const names: readonly Served[] = SERVED[nest];
  return withChildren(names, nest, async (children) => {
    const success = await rates(children, 'succeed', rounds, calls);
    const refusal = await rates(children, 'refuse', rounds, calls);
    for (const name of names)
      run.row(`${name}${['raw', 'nice', 'niceDetails'].includes(name) ? '' : ` (Nest ${nest})`}`, {
        where: 'in process',
        successMicros: least(success[name]),
        refusalMicros: least(refusal[name]),
      });
    return { success: (name) => least(success[name]), refusal: (name) => least(refusal[name]) };
  });
}

/** What of a refusal is neither what a success costs, nor what grpc-js does for it. */
async function clientDecode(run: Run): Promise<number> {
  const { rounds, calls } = load(run.quick);
  run.progress('Clients, in process');
  const names = ['rawClient', 'ourClient'] as const;
  return withChildren(names, 11, async (children) => {
    const success = await rates(children, 'succeed', rounds, calls);
    const refusal = await rates(children, 'refuse', rounds, calls);
    for (const name of names)
      run.row(name, {
        where: 'in process',
        successMicros: least(success[name]),
        refusalMicros: least(refusal[name]),
      });
    const more = (name: Calling) => least(refusal[name]) - least(success[name]);
    return more('ourClient') - more('rawClient');
  });
}

async function whatIsLeft(run: Run): Promise<void> {
  const { manyCalls } = load(run.quick);
  run.progress(`What ${manyCalls} calls leave behind`);
  await withChildren(['ours'] as const, 11, async ({ ours }) => {
    await ours.ask('listeners', 1_000);
    const before = await ours.ask('heap');
    run.figure('listenersLeft', await ours.ask('listeners', manyCalls));
    run.figure('heapGrowthMiB', (await ours.ask('heap')) - before);
  });
}

/** What a server does for a call that comes over loopback; the caller is another process. */
async function overTheWire(run: Run): Promise<void> {
  const { wireRounds, wireCalls } = load(run.quick);
  run.progress('Over loopback');
  await withChildren(OVER_THE_WIRE, 11, async (children) => {
    const costOf = (method: 'Succeed' | 'Refuse') => async (child: Child<Command>) => {
      const caller = new Caller(await child.ask('port'));
      const before = await child.ask('cpu');
      await caller.call(method, wireCalls);
      caller.close();
      return ((await child.ask('cpu')) - before) / wireCalls;
    };
    const success = await interleaved(children, wireRounds, costOf('Succeed'));
    const refusal = await interleaved(children, wireRounds, costOf('Refuse'));
    for (const name of OVER_THE_WIRE)
      run.row(name, {
        where: 'over loopback',
        successMicros: least(success[name]),
        refusalMicros: least(refusal[name]),
      });
    run.figure('endToEndVsRaw', least(success.ours) / least(success.raw));
    run.figure('endToEndBareVsRaw', least(success.bare) / least(success.raw));
  });
}

type Children<Name extends string> = Readonly<Record<Name, Child<Command>>>;

const rates = <Name extends string>(
  children: Children<Name>,
  command: 'succeed' | 'refuse',
  rounds: number,
  calls: number,
): Promise<Samples<Name>> => interleaved(children, rounds, (child) => child.ask(command, calls));

function interleaved<Name extends string>(
  children: Children<Name>,
  rounds: number,
  measure: (child: Child<Command>) => Promise<number>,
): Promise<Samples<Name>> {
  const subjects = Object.entries<Child<Command>>(children).map(([name, child]) => [
    name,
    () => measure(child),
  ]);
  return interleave(Object.fromEntries(subjects) as Record<Name, () => Promise<number>>, {
    rounds,
    warmup: 2,
  });
}

async function withChildren<Name extends Served | Calling, Result>(
  names: readonly Name[],
  nest: NestMajor,
  work: (children: Children<Name>) => Promise<Result>,
): Promise<Result> {
  const children: [Name, Child<Command>][] = [];
  try {
    for (const name of names) children.push([name, await program(name, nest)]);
    return await work(Object.fromEntries(children) as Children<Name>);
  } finally {
    await Promise.all(children.map(([, child]) => child.close()));
  }
}
