import { Faults } from './faults/faults.js';
import { Refusal } from './faults/refusal.js';
import { Repeater } from './faults/repeater.js';
import { Customer, type Placed } from './load/customer.js';
import { placeAll, type Sold } from './load/load.js';
import { plan, type PlannedOrder } from './load/plan.js';
import { Watcher } from './load/watcher.js';
import type { DemoOptions } from './options.js';
import type { Progress } from './progress.js';
import { converge, inWords, standing } from './report/converge.js';
import { count } from './report/count.js';
import { reportOf, type Report } from './report/report.js';
import { followOne } from './report/trail.js';
import { judge } from './report/verdict.js';
import { Supervisor } from './supervisor/supervisor.js';
import { DemoFailure, type Patience } from './until.js';
import { shopIn, shopOpen, type Shop } from './world/services.js';
import type { World } from './world/world.js';

/** Moments at which the demo's own tests interfere: what is lost or done twice on purpose must show in the report. */
export interface Interference {
  /** The shop is open; the load is next. */
  readonly beforeLoad?: (world: World) => Promise<void>;
  /** All is done and all services have ended; the counting is next. */
  readonly beforeCount?: (world: World) => Promise<void>;
  /** For how long nothing may move before the run is given up. Default 30 s. */
  readonly patienceMs?: number;
}

/** One run of the shop, from opening it to counting what it did. */
export class Run {
  private readonly planned: readonly PlannedOrder[];
  private readonly startedAt = Date.now();
  private readonly repeater: Repeater;
  private readonly supervisor: Supervisor;
  private readonly watcher: Watcher;
  private readonly customer: Customer;
  private readonly faults: Faults;
  private readonly refusal: Refusal;

  private constructor(
    private readonly options: DemoOptions,
    private readonly world: World,
    private readonly shop: Shop,
    private readonly progress: Progress,
    private readonly patience: Patience,
  ) {
    const say = (line: string): void => progress.say(line);
    this.planned = plan(world.run, options.orders, options.seed);
    this.repeater = new Repeater(world.broker);
    this.supervisor = new Supervisor(shop.specs, world.logFolder, say);
    this.watcher = new Watcher(shop.gatewayUrl);
    this.customer = new Customer(shop.gatewayUrl, patience.signal);
    this.faults = new Faults(world, this.supervisor, say, patience, options.orders);
    this.refusal = new Refusal(world, say);
  }

  static async in(
    world: World,
    options: DemoOptions,
    progress: Progress,
    patience: Patience,
  ): Promise<Run> {
    return new Run(options, world, await shopIn(world), progress, patience);
  }

  /** Rejects when there is nothing to report, because the shop could not be opened or the load not be sent. */
  async report(interference: Interference = {}): Promise<Report> {
    try {
      await this.open();
      await this.refusal.begin();
      await interference.beforeLoad?.(this.world);
      const sold = await this.sell();
      const missing = await this.waitForTheRest();
      // With everything stopped nobody can change what is counted, and what was not settled is back in its queue.
      await this.close();
      await interference.beforeCount?.(this.world);
      return await this.conclude(sold, missing);
    } finally {
      await this.close();
    }
  }

  private async open(): Promise<void> {
    await this.repeater.start();
    this.supervisor.start();
    await shopOpen(this.shop, this.world, this.patience.signal, () =>
      this.supervisor.assertRunning(),
    );
    this.supervisor.markReady();
    await this.watcher.start(this.patience);
    this.progress.say(
      `The shop is open. Its logs, removed after a run without problems: ${this.world.logFolder}`,
    );
    this.progress.follow(async () => this.line());
  }

  private async sell(): Promise<Sold> {
    const { answers, problems } = await placeAll(this.planned, this.customer, (begun) =>
      this.faults.before(begun),
    );
    this.patience.signal.throwIfAborted();
    return { answers, problems: [...problems, ...(await this.faults.done())] };
  }

  /** All but the mail that is refused, and then this one. */
  private async waitForTheRest(): Promise<readonly string[]> {
    const look = () => {
      this.supervisor.assertRunning();
      return standing(this.world, this.repeater);
    };
    const { orders } = this.options;
    const all = { orders, charges: orders, mails: orders };
    try {
      const missing = await converge({ ...all, mails: orders - 1 }, look, this.patience);
      // In words that count that mail as well.
      if (missing.length > 0) return await converge(all, look, { ...this.patience, deadlineMs: 0 });
      await this.refusal.mend();
      return await converge(all, look, this.patience);
    } catch (error) {
      // A service that cannot be kept running: what there is can be counted all the same.
      if (error instanceof DemoFailure) return [error.message];
      throw error;
    }
  }

  private async close(): Promise<void> {
    this.progress.stop();
    await this.watcher.stop();
    await this.supervisor.stop();
  }

  private async conclude(sold: Sold, missing: readonly string[]): Promise<Report> {
    const { broker, databases, logFolder, taps } = this.world;
    const counts = await count(databases);
    const first = [...sold.answers.values()].flat().filter(({ replayed }) => !replayed);
    const trail = await followOne(
      logFolder,
      first.map(({ correlationId }) => correlationId),
    );
    const events = this.repeater.seen.size;
    return reportOf({
      planned: this.options.orders,
      seed: this.options.seed,
      seconds: Math.round((Date.now() - this.startedAt) / 100) / 10,
      answers: this.customer.answers,
      watched: this.watcher.seen,
      events,
      repeated: this.repeater.repeated,
      wires: {
        orders: taps.orders.counts,
        billing: taps.billing.counts,
        notifications: taps.notifications.counts,
      },
      counts,
      verdict: judge(this.planned, counts),
      restarts: this.supervisor.restarts,
      faults: this.faults.counts,
      refusal: this.refusal.counts,
      trail,
      logFolder,
      problems: [
        ...missing.map((what) => `did not come to an end: ${what}`),
        ...sold.problems,
        ...contradictions(sold.answers),
        ...(await leftOvers(broker)),
        ...(trail ? [] : ['no correlation id was found in the logs of all four services']),
      ],
    });
  }

  private async line(): Promise<string> {
    const { orders, charges, mails, pending } = await standing(this.world, this.repeater);
    const { sent } = this.customer.answers;
    const waiting = pending.length > 0 ? `  (${pending.map(inWords).join(', ')})` : '';
    return `requests ${sent}  orders ${orders}/${this.options.orders}  charged ${charges}  mailed ${mails}${waiting}`;
  }
}

/** Two answers to one key that speak of different orders. */
function contradictions(answers: ReadonlyMap<string, readonly Placed[]>): string[] {
  return [...answers].flatMap(([reference, placed]) => {
    const ids = new Set(placed.map(({ orderId }) => orderId));
    return ids.size > 1 ? [`${reference} was answered with ${ids.size} different orders`] : [];
  });
}

/** Messages that are still in a queue, or were given up and stand in a dead-letter queue. */
async function leftOvers(broker: World['broker']): Promise<string[]> {
  const queues = (['billing', 'notifications'] as const).flatMap((owner) => [
    broker.queue(owner),
    ...broker.waitQueues(owner),
    broker.deadLetters(owner),
  ]);
  const found: string[] = [];
  for (const queue of queues) {
    const { messages } = (await broker.look(queue)) ?? { messages: 0 };
    if (messages > 0) found.push(`messages left in ${queue}: ${messages}`);
  }
  return found;
}
