import type { Supervisor } from '../supervisor/supervisor.js';
import type { Patience } from '../until.js';
import type { World } from '../world/world.js';
import { standstill } from './standstill.js';

export interface FaultCounts {
  billingKilled: number;
  connectionsCut: number;
}

/** What is broken on purpose, and when: after so many orders. */
export class Faults {
  readonly counts: FaultCounts = { billingKilled: 0, connectionsCut: 0 };
  private readonly underWay: Promise<void>[] = [];
  private readonly moments: ReadonlyMap<number, () => Promise<void>>;

  constructor(
    private readonly world: World,
    private readonly supervisor: Supervisor,
    private readonly log: (line: string) => void,
    private readonly patience: Patience,
    orders: number,
  ) {
    this.moments = new Map([
      [Math.floor(orders / 3), () => this.killBilling()],
      [Math.floor((orders * 2) / 3), () => this.cutNotifications()],
    ]);
  }

  /** Called with the number of orders begun. Resolves when the trap is set; it springs by itself. */
  async before(begun: number): Promise<void> {
    await this.moments.get(begun)?.();
  }

  /** Resolves when everything that was to break has been broken, with what could not be, in words. */
  async done(): Promise<string[]> {
    const outcomes = await Promise.allSettled(this.underWay);
    this.patience.signal.throwIfAborted();
    return outcomes.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
  }

  /** `kill -9` while its transactions are open. */
  private async killBilling(): Promise<void> {
    await this.spring(`${this.world.databases.schema('billing')}.charges`, async () => {
      await this.supervisor.kill('billing');
      this.counts.billingKilled += 1;
      this.log('billing killed with kill -9 in the middle of its transactions');
    });
  }

  /** Its messages are in work, and now their acks have nowhere to go. */
  private async cutNotifications(): Promise<void> {
    await this.spring(`${this.world.databases.schema('notifications')}.sent_mails`, async () => {
      const { notifications } = this.world.taps;
      const inWork = notifications.inWork;
      this.counts.connectionsCut += notifications.cut();
      this.log(`RabbitMQ connection of notifications cut with ${inWork} messages in work`);
    });
  }

  private async spring(table: string, strike: () => Promise<void>): Promise<void> {
    const trap = await standstill(this.world.databases.pool, table, this.patience);
    const waitAndStrike = async (): Promise<void> => {
      try {
        await trap.reached();
        await strike();
      } finally {
        await trap.end();
      }
    };
    const sprung = waitAndStrike();
    // It is awaited later; until then a rejection must not count as unhandled.
    sprung.catch(() => {});
    this.underWay.push(sprung);
  }
}
