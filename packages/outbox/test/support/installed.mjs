// Adds one message with the packages that are installed beside it, in the module format that it is told.
import { createRequire } from 'node:module';

const format = process.argv[2];
// By its path: Node prefers ES modules also where it is required.
const ours =
  format === 'cjs' ? './node_modules/@acme/nest-outbox/dist/cjs/index.js' : '@acme/nest-outbox';
const load = format === 'cjs' ? createRequire(import.meta.url) : (name) => import(name);

await load('reflect-metadata');
const { NestFactory } = await load('@nestjs/core');
const { Outbox, OutboxEvents, OutboxModule } = await load(ours);
const { TransactionModule, Transactions } = await load('@acme/nest-transaction');
const api = await Promise.resolve()
  .then(() => load('@opentelemetry/api'))
  .catch(({ code }) => ({ code }));

const spans = [];
api.trace?.setGlobalTracerProvider({
  getTracer: () => ({
    startSpan: (name) => {
      spans.push(name);
      return api.trace.wrapSpanContext({
        traceId: 'a'.repeat(32),
        spanId: 'b'.repeat(16),
        traceFlags: 1,
      });
    },
  }),
});

const stored = [];
const store = {
  lanes: 1,
  prepare: async () => {},
  insert: async (_sql, messages) => void stored.push(...messages.map(({ headers }) => headers)),
};
const adapter = {
  library: 'none',
  dialect: 'postgres',
  transaction: (work) => work({}),
  sql: () => ({ dialect: 'postgres', query: async () => ({ rows: [], rowCount: 0 }) }),
};
class Root {}
const module = {
  module: Root,
  imports: [
    TransactionModule.forRoot({ adapter }),
    OutboxModule.forRoot({ store, relay: { mode: 'off' } }),
  ],
};
const lines = [];
const say = (line) => lines.push(String(line));
const logger = { log: () => {}, warn: say, error: say, fatal: say };
const app = await NestFactory.createApplicationContext(module, { logger });
const events = [];
app.get(OutboxEvents).events$.subscribe(({ type }) => events.push(type));
const add = () => app.get(Outbox).add({ type: 'a', payload: 1 });
await app.get(Transactions).run(add);
await app.close();
process.send({ stored, events, spans, missing: api.code, lines });
