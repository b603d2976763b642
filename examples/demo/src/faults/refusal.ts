import { DeadLetters } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { REFUSED_CUSTOMER } from '../load/plan.js';
import type { World } from '../world/world.js';

export interface RefusalCounts {
  /** Messages that notifications has given up, with the reason. */
  parked: number;
  /** Of those, what was brought back once the cause was mended. */
  redriven: number;
}

/**
 * The mail provider refuses one customer, however often it is asked: his mail is parked. In the end somebody looks, mends what is wrong,
 * and brings it back, as `nest-rabbitmq dlq redrive` does.
 */
export class Refusal {
  readonly counts: RefusalCounts = { parked: 0, redriven: 0 };
  readonly #table: string;

  constructor(
    private readonly world: World,
    private readonly log: (line: string) => void,
  ) {
    this.#table = `${world.databases.schema('notifications')}.refused_customers`;
  }

  async begin(): Promise<void> {
    await this.world.databases.pool.query(`insert into ${this.#table} values ($1)`, [
      REFUSED_CUSTOMER,
    ]);
  }

  async mend(): Promise<void> {
    const { broker, databases } = this.world;
    const queue = broker.deadLetters('notifications');
    const desk = new DeadLetters({ connect: () => connect(broker.url) });
    const { groups } = await desk.groups(queue);
    this.counts.parked = groups.reduce((sum, { count }) => sum + count, 0);
    for (const { count, code } of groups) this.log(`parked in ${queue}: ${count} × ${code}`);
    await databases.pool.query(`delete from ${this.#table}`);
    const { redriven } = await desk.redrive(queue);
    this.counts.redriven = redriven;
    this.log(`what refused them was mended, and ${redriven} brought back`);
  }
}
