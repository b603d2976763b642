import { defineBenchmark, type BenchmarkRun } from '../benchmark.js';
import { onNest, type NestMajor } from '../measure/on-nest.js';
import { median } from '../measure/statistics.js';
import type { ContextSamples } from './context/program.js';

const figures = {
  doorsOverBareMicros:
    'µs of CPU that the transport, edge and body doors with idle stages add to a message; the worse Nest',
  fiveDecoratorsVsFiveInterceptors:
    'CPU that five of our decorators add over what five empty interceptors add to a bare message; the worse Nest',
  outboundHeadersMicros:
    'µs of CPU for one outboundHeaders() with a correlation id; the worse Nest',
  heapGrowthMiB:
    'MiB of heap after a forced collection that a million messages leave; the worse Nest',
};

type Key = keyof typeof figures;
type Run = BenchmarkRun<Key>;

const load = (quick: boolean) =>
  quick
    ? { rounds: 5, messages: 3_000, heapMessages: 0 }
    : { rounds: 15, messages: 10_000, heapMessages: 1_000_000 };

/** What the doors cost in Nest's own RPC pipeline, on both majors of Nest; no server, no wire. */
export const context = defineBenchmark<Key>({
  name: 'context',
  title: 'What the doors of message-context cost per message, in process',
  services: [],
  figures,
  versionsOf: ['@acme/nest-message-context'],
  run: async (run) => {
    const measured = [await measureOn(11, run), await measureOn(12, run)];
    for (const key of Object.keys(figures) as Key[]) {
      const values = measured.map((one) => one[key]);
      const known = values.filter((value) => value !== null);
      run.figure(key, known.length < values.length ? null : Math.max(...known));
    }
  },
});

async function measureOn(major: NestMajor, { quick, row, progress }: Run) {
  const { rounds, messages, heapMessages } = load(quick);
  progress(`Nest ${major}: ${rounds} rounds of ${messages} messages each way`);
  const samples = await onNest<ContextSamples>(major, 'benchmarks/context/program.js', [
    String(rounds),
    String(messages),
    String(heapMessages),
  ]);
  const { micros } = samples;
  const bare = median(micros.bare);
  for (const [subject, rounded] of Object.entries(micros)) {
    const cost = median(rounded);
    row(`${subject} (Nest ${samples.nest})`, {
      messages: rounds * messages,
      microsPerMessage: cost,
      overBareMicros: cost - bare,
    });
  }
  return {
    doorsOverBareMicros: median(micros.doors) - bare,
    fiveDecoratorsVsFiveInterceptors:
      (median(micros.fiveDecorators) - bare) / (median(micros.fiveInterceptors) - bare),
    outboundHeadersMicros: median(samples.outboundHeadersMicros),
    heapGrowthMiB: samples.heapGrowthMiB,
  };
}
