// Measures the context benchmark on the Nest that this file finds, and prints the samples as JSON.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { cpuMicros, heapMiB } from '../../measure/cost.js';
import { interleave } from '../../measure/interleave.js';
import { appWithDoors, bareApp, type RunningApp } from './apps.js';

/** What the program prints: CPU in µs per operation, by subject and round. */
export interface ContextSamples {
  readonly nest: string;
  readonly micros: Readonly<
    Record<
      'bare' | 'doors' | 'fiveDecorators' | 'oneInterceptor' | 'fiveInterceptors',
      readonly number[]
    >
  >;
  readonly outboundHeadersMicros: readonly number[];
  readonly heapGrowthMiB: number | null;
}

const HEADERS = 200_000;
const [rounds = 0, messages = 0, heapMessages = 0] = process.argv.slice(2).map(Number);

/** CPU per message, one after another: what one message costs, without waiting for anything. */
const costOf = (app: RunningApp, pattern: string) => {
  const send = app.server.sender(pattern);
  return () =>
    cpuMicros(messages, async () => {
      for (let i = 0; i < messages; i += 1) await send({ i });
    });
};

async function measure(): Promise<ContextSamples> {
  const [bare, doors] = await Promise.all([bareApp(), appWithDoors()]);
  const micros = await interleave(
    {
      bare: costOf(bare, 'bare'),
      doors: costOf(doors, 'doors'),
      fiveDecorators: costOf(doors, 'five decorators'),
      oneInterceptor: costOf(bare, 'one interceptor'),
      fiveInterceptors: costOf(bare, 'five interceptors'),
    },
    { rounds, warmup: 2 },
  );
  const askForHeaders = doors.server.sender('outbound headers');
  const { headers } = await interleave(
    { headers: () => cpuMicros(HEADERS, () => askForHeaders(HEADERS)) },
    { rounds, warmup: 2 },
  );
  const heapGrowthMiB = await heapGrowth(doors);
  await Promise.all([bare.close(), doors.close()]);
  return { nest: nestVersion(), micros, outboundHeadersMicros: headers, heapGrowthMiB };
}

async function heapGrowth({ server }: RunningApp): Promise<number | null> {
  if (heapMessages === 0) return null;
  const send = server.sender('doors');
  const before = heapMiB();
  for (let i = 0; i < heapMessages; i += 1) await send({ i });
  return heapMiB() - before;
}

const nestVersion = () =>
  (createRequire(import.meta.url)('@nestjs/core/package.json') as { version: string }).version;

void measure().then((samples) => process.stdout.write(JSON.stringify(samples)));
