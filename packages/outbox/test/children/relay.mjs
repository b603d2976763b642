// A relay alone in a process. With POINT ("before remove", "during remove", "after remove") and COUNT it kills itself when it
// gets there so often. OPTIONS are more options of the module, as JSON. It answers "stats" with what it has published, and how
// much memory it needs where it was started with --expose-gc.
import 'reflect-metadata';
import { OutboxModule } from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connect } from 'amqplib';
import { storeAt } from './store-at.mjs';

const { TEST_DATABASE, TEST_BROKER, POINT, COUNT, WINDOW, LEASE, OPTIONS } = process.env;
const { relay, retry, publishTimeout, ...options } = JSON.parse(OPTIONS ?? '{}');

const { pool, store } = storeAt(TEST_DATABASE);
const publisher = new RabbitMqPublisher({ connect: () => connect(TEST_BROKER), publishTimeout });

let calls = 0;
/** The signal is there before the call returns. */
const pass = (moment, step, times = 1) => {
  if (`${moment} ${step}` !== POINT || (calls += times) < Number(COUNT)) return;
  process.kill(process.pid, 'SIGKILL');
};
const STORE =
  'claim tend heal readBlocks readPending readWaiting pendingEntries waitingEntries accuse readOne acquit promote divert holdBack park';
const steps = [
  ...`${STORE} remove unblock release leave`.split(' ').map((step) => [store, step]),
  [store.operations, 'purge'],
];
for (const [target, step] of steps) {
  const original = target[step].bind(target);
  target[step] = async (...args) => {
    pass('before', step);
    const answer = original(...args);
    // The statement is on its way by then.
    setImmediate(() => pass('during', step));
    const result = await answer;
    pass('after', step);
    return result;
  };
}

const stats = { published: 0, unanswered: 0, most: 0, handed: 0 };
const publishEach = publisher.publishEach.bind(publisher);
publisher.publishEach = (messages, told) => {
  pass('before', 'publish', messages.length);
  stats.handed += messages.length;
  stats.unanswered += messages.length;
  stats.most = Math.max(stats.most, stats.unanswered);
  setImmediate(() => pass('during', 'publish', messages.length));
  publishEach(messages, (index, outcome) => {
    pass('after', 'publish');
    stats.unanswered -= 1;
    if (outcome.status === 'confirmed') stats.published += 1;
    told(index, outcome);
  });
};

class AppModule {}
Module({
  imports: [
    OutboxModule.forRoot({
      transactions: false,
      store,
      publisher,
      relay: { window: Number(WINDOW), batchSize: 30, lease: LEASE, pollInterval: 100, ...relay },
      retry: { attempts: 2, backoff: 50, maxBackoff: 50, ...retry },
      ...options,
    }),
  ],
})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
const leave = async () => {
  await app.close();
  await pool.end();
  process.disconnect();
};
process.on('SIGTERM', () => void leave());
process.on('message', (message) => {
  if (message !== 'stats') return;
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  process.send({ ...stats, bytes: heapUsed + arrayBuffers });
  stats.most = stats.unanswered;
});
process.send('started');
