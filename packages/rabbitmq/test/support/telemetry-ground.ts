import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { testBroker, type TestBroker } from '@acme/internal-testing';
import { Otel } from '@acme/internal-testing/otel';
import { AmqplibInstrumentation } from '@opentelemetry/instrumentation-amqplib';
import { afterEach, beforeAll, beforeEach } from 'vitest';
import { ConsumerGround } from './consumer-ground.js';

const require = createRequire(import.meta.url);

/** Of the tests, and of golevelup, which brings one of its own. */
const COPIES = [require, createRequire(require.resolve('@golevelup/nestjs-rabbitmq'))].map((near) =>
  dirname(near.resolve('amqplib')),
);

/** A broker for a spec file, and an SDK for each test. Called once, at the top of the file. */
export function useTelemetry(): { readonly broker: TestBroker; readonly otel: Otel } {
  const here = {} as { broker: TestBroker; otel: Otel };
  beforeAll(async () => {
    here.broker = await testBroker();
  });
  beforeEach(() => {
    here.otel = new Otel('@acme/nest-rabbitmq');
  });
  afterEach(async () => {
    await ConsumerGround.closeAll();
    here.otel.stop();
  });
  return here;
}

/** The spans of one queue that have ended, the first begun first. */
export const processSpans = (otel: Otel, queue: string): ReturnType<Otel['spans']> =>
  otel
    .spans()
    .filter(({ name }) => name === `process ${queue}` || name === `${queue} process`)
    .toSorted((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1]);

/**
 * Puts the instrumentation on amqplib as it is loaded in this process already: what it does with a file is the same when that is
 * loaded after it. Returns how to take it off.
 */
export function instrumentAmqplib(): () => void {
  const instrumentation = new AmqplibInstrumentation({ enabled: false });
  const { files } = (
    instrumentation as unknown as { init(): { files: InstrumentedFile[] } }
  ).init();
  // Its exports do not name these files.
  const loaded = COPIES.flatMap((copy) =>
    files.map((file) => ({
      file,
      exports: require(join(copy, file.name.replace('amqplib/', ''))) as unknown,
    })),
  );
  for (const { file, exports } of loaded) file.patch(exports, '2.3.1');
  return () => {
    for (const { file, exports } of loaded) file.unpatch(exports);
  };
}

interface InstrumentedFile {
  readonly name: string;
  patch(exports: unknown, version: string): unknown;
  unpatch(exports: unknown): unknown;
}
