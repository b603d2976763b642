// Runs one call with the packages that are installed beside it, in the module format that it is told.
import { createRequire } from 'node:module';

const format = process.argv[2];
// By its path: Node prefers ES modules also where it is required.
const ours =
  format === 'cjs'
    ? './node_modules/@acme/nest-idempotency/dist/cjs/index.js'
    : '@acme/nest-idempotency';
const load = format === 'cjs' ? createRequire(import.meta.url) : (name) => import(name);

await load('reflect-metadata');
const { NestFactory } = await load('@nestjs/core');
const { IdempotencyEvents, IdempotencyModule, IdempotencyService } = await load(ours);
const api = await Promise.resolve()
  .then(() => load('@opentelemetry/api'))
  .catch(({ code }) => ({ code }));

const spans = [];
api.trace?.setGlobalTracerProvider({
  getTracer: () => ({
    startSpan: (name) => {
      spans.push(name);
      return api.trace.wrapSpanContext(api.INVALID_SPAN_CONTEXT);
    },
  }),
});

class Root {}
const module = { module: Root, imports: [IdempotencyModule.forRoot({ namespace: 'installed' })] };
const lines = [];
const say = (line) => lines.push(String(line));
const logger = { log: () => {}, warn: say, error: say, fatal: say };
const app = await NestFactory.createApplicationContext(module, { logger });
const events = [];
app.get(IdempotencyEvents).events$.subscribe(({ type }) => events.push(type));
const value = await app.get(IdempotencyService).run('key', async () => 'done', { name: 'job' });
await app.close();
process.send({ value, events, spans, missing: api.code, lines });
