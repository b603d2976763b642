export {
  type Bar,
  type Benchmark,
  type BenchmarkRun,
  type Cell,
  type Comparison,
  defineBenchmark,
  type Observation,
} from './benchmark.js';
export { cli, type Terminal } from './cli.js';
export { forPeople } from './format.js';
export { machine, type Machine } from './machine.js';
export { alternate, type Load, type Operation } from './measure/alternate.js';
export { cpuMicros, heapMiB, latencies, perSecond } from './measure/cost.js';
export { interleave, type Rounds, type Subject } from './measure/interleave.js';
export { median, percentile } from './measure/statistics.js';
export { type JudgedBar, runBenchmark, type Result, type RunSettings } from './run-benchmark.js';
