import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { tcpProxy, type TcpProxy } from '@acme/internal-testing/services';
import { waitFor } from '../../../measure/wait-for.js';
import type { Place } from './contestant.js';
import { contestants, type ContestantName } from './contestants.js';
import { Desk } from './desk.js';
import { accountOf, entriesOf, type Account, type Entry } from './ledger.js';
import type { Broker } from './scenario.js';
import { Supervisor } from './supervisor.js';
import { PATTERN, type Task } from './task.js';

/** Redeliveries that a queue allows: what is given back over and over comes to its dead-letter queue. */
const DELIVERY_LIMIT = 5;
const PREFETCH = 10;

export type StageSettings = Partial<Pick<Place, 'prefetch' | 'isRpc' | 'isOrdered'>>;

/** One contestant in one scenario: its queues, its way to the broker, what it is sent and what it does. */
export class Stage {
  readonly place: Place;
  readonly supervisor: Supervisor;
  /** What is done at the broker besides; not by the way that is cut. */
  readonly desk: Desk;
  readonly #folder = mkdtempSync(join(tmpdir(), 'acme-behaviour-'));
  readonly #ledger = join(this.#folder, 'ledger');
  readonly #sent: Task[] = [];

  private constructor(
    readonly name: ContestantName,
    brokerUrl: string,
    readonly proxy: TcpProxy,
    { prefetch = PREFETCH, isRpc = false, isOrdered = false }: StageSettings,
  ) {
    const queue = `${name}-${randomBytes(4).toString('hex')}`;
    this.place = {
      amqpUrl: proxy.url,
      directUrl: brokerUrl,
      queue,
      queueOptions: {
        durable: true,
        arguments: {
          'x-queue-type': 'quorum',
          'x-delivery-limit': DELIVERY_LIMIT,
          'x-dead-letter-exchange': '',
          'x-dead-letter-routing-key': `${queue}.dlq`,
        },
      },
      prefetch,
      isRpc,
      isOrdered,
    };
    this.supervisor = new Supervisor(name, this.place, this.#ledger);
    this.desk = new Desk(this.place, contestants[name].form);
  }

  /** With a consumer that waits for messages. */
  static async open(
    name: ContestantName,
    broker: Pick<Broker, 'url'>,
    settings: StageSettings,
  ): Promise<Stage> {
    const stage = new Stage(name, broker.url, await tcpProxy(broker.url), settings);
    await stage.desk.declare();
    await stage.start();
    return stage;
  }

  async start(): Promise<void> {
    await this.supervisor.start();
    await waitFor(async () => (await this.desk.consumers()) > 0, `a consumer of ${this.name}`);
  }

  get sent(): readonly Task[] {
    return this.#sent;
  }

  async send(...tasks: Task[]): Promise<void> {
    this.#sent.push(...tasks);
    await this.desk.publish(tasks);
  }

  /** A message whose body is no JSON. */
  async sendPoison(id: string): Promise<void> {
    this.#sent.push({ id });
    await this.desk.publishRaw(id, Buffer.from('{"id":'));
  }

  /** An event that nobody has a handler for. */
  async sendUnknown(task: Task): Promise<void> {
    this.#sent.push(task);
    await this.desk.publish([task], `${PATTERN}.unknown`);
  }

  /** What the handlers have written so far. */
  get entries(): Entry[] {
    return existsSync(this.#ledger) ? entriesOf(readFileSync(this.#ledger, 'utf8')) : [];
  }

  /** Whether the condition came true in time. */
  async until(condition: (entries: readonly Entry[]) => boolean, ms: number): Promise<boolean> {
    const deadline = performance.now() + ms;
    while (!condition(this.entries)) {
      if (performance.now() > deadline) return false;
      await pause(20);
    }
    return true;
  }

  /** Whether everything that was sent, or so many of it, was done in time. */
  untilDone(ms: number, count = this.#sent.length): Promise<boolean> {
    return this.until((entries) => doneIn(entries) >= count, ms);
  }

  untilBegun(count: number): Promise<boolean> {
    return this.until((entries) => begunIn(entries) >= count, 10_000);
  }

  /** Ends the consumer and looks where everything is. */
  async account(): Promise<Account> {
    // What was done is acked, and what is given up is parked, a moment later: ending is another scenario.
    await pause(500);
    await this.supervisor.stop();
    const { parked, left } = await this.desk.empty();
    return accountOf(
      this.#sent.map(({ id }) => id),
      this.entries,
      { parked, left },
    );
  }

  /** Takes everything away. */
  async close(): Promise<void> {
    await this.supervisor.stop();
    await this.proxy.close();
    await this.desk.remove();
    rmSync(this.#folder, { recursive: true });
  }
}

const doneIn = (entries: readonly Entry[]): number =>
  new Set(entries.filter(({ what }) => what === 'did').map(({ id }) => id)).size;

const begunIn = (entries: readonly Entry[]): number =>
  new Set(entries.filter(({ what }) => what === 'began').map(({ id }) => id)).size;
