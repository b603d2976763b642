import {
  declareQueue,
  takeAll,
  tcpProxy,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import {
  DeadLetters,
  InterruptedError,
  type PurgeReport,
  type RedriveReport,
} from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import { depth, failedIn, holds, parkedQueue } from '../support/parked.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

const numbered = (count: number, headers: Record<string, unknown>) =>
  Array.from({ length: count }, (_, n) => ({ body: `${n}`, properties: { headers } }));

/** A dead-letter queue, and a desk whose way to the broker can be cut. */
async function scene(name: string, count: number) {
  const orders = await declareQueue(broker, name);
  const queue = await parkedQueue(broker, name, numbered(count, failedIn(orders)));
  const proxy = await tcpProxy(broker.url);
  const desk = new DeadLetters({ connect: () => connect(proxy.url), timeout: 1_000 });
  return { orders, queue, proxy, desk };
}

describe('a run that loses the broker', () => {
  it('says what it has done, and the next one does the rest', async () => {
    const { orders, queue, proxy, desk } = await scene('lost.redrive', 100);
    const run = desk.redrive(queue, {
      rate: 200,
      onProgress: ({ done }) => {
        if (done === 30) proxy.down();
      },
    });
    await expect(run).rejects.toBeInstanceOf(InterruptedError);
    const { report, message } = (await run.catch((error: unknown) => error)) as InterruptedError;
    expect(message).toMatch(/connection/);
    const { id, redriven, end } = report as RedriveReport;
    expect(end).toBe('stopped');
    expect(redriven).toBeGreaterThanOrEqual(30);
    proxy.restore();
    // What was confirmed and not acked any more is in both.
    await waitFor(async () => (await depth(broker, queue)) >= 100 - redriven);
    const rest = await desk.redrive(queue, { resume: id });
    const bodies = (await takeAll(broker, orders)).map(({ content }) => content.toString());
    expect(new Set(bodies).size).toBe(100);
    expect(bodies.length).toBeGreaterThanOrEqual(100);
    expect(bodies.length - 100).toBeLessThanOrEqual(30);
    expect(rest).toMatchObject({ id, end: 'done' });
    await holds(broker, queue, 0);
  });

  it('that has fallen silent ends in time', async () => {
    const { queue, proxy, desk } = await scene('lost.silent', 20);
    const run = desk.list(queue, { filter: { where: () => (proxy.halfOpen('both'), true) } });
    await expect(run).rejects.toThrow(/The broker did not answer within 1000 ms/);
    proxy.restore();
    await holds(broker, queue, 20);
  });

  it('purges no more, and says how much it has', async () => {
    const { queue, proxy, desk } = await scene('lost.purge', 50);
    const run = desk.purge(queue, {
      filter: { code: 'RETRIES_EXHAUSTED' },
      onProgress: ({ done }) => {
        if (done === 10) proxy.down();
      },
    });
    const error = (await run.catch((thrown: unknown) => thrown)) as InterruptedError;
    expect(error).toBeInstanceOf(InterruptedError);
    const { purged } = error.report as PurgeReport;
    expect(purged).toBeGreaterThanOrEqual(10);
    await waitFor(async () => (await depth(broker, queue)) >= 50 - purged);
  });
});

describe('close', () => {
  it('ends a run in good order', async () => {
    const { orders, queue, desk } = await scene('close.redrive', 60);
    let close: Promise<void> | undefined;
    const report = await desk.redrive(queue, {
      rate: 100,
      onProgress: ({ done }) => {
        if (done === 10) close ??= desk.close();
      },
    });
    await close;
    expect(report).toMatchObject({ end: 'stopped' });
    await expect(depth(broker, orders)).resolves.toBe(report.redriven);
    await holds(broker, queue, 60 - report.redriven);
    await expect(desk.list(queue)).rejects.toThrow(/was closed/);
  });

  it('takes an export with it that nobody goes on with', async () => {
    const { queue, desk } = await scene('close.export', 10);
    const lines = desk.export(queue);
    await lines.next();
    await desk.close();
    await holds(broker, queue, 10);
    await expect(lines.next()).rejects.toBeInstanceOf(InterruptedError);
  });
});
