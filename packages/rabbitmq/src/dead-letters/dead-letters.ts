import { matches } from '../core/dead-letter-filter.js';
import { GroupTally } from '../core/dead-letter-groups.js';
import { bodyOf, exportedMessage, type ExportedMessage } from '../core/exported-message.js';
import type { ParkedMessage } from '../core/parked-message.js';
import type { AmqpTakenLike } from '../publisher/amqp-like.js';
import { ConfirmedSender } from '../publisher/confirmed-sender.js';
import { InterruptedError } from '../rabbitmq.errors.js';
import {
  deskSettings,
  exportSettings,
  listSettings,
  lookSettings,
  purgeSettings,
  redriveSettings,
  type LookSettings,
} from './checked-options.js';
import type {
  DeadLetterGroups,
  DeadLetterList,
  DeadLetterPeek,
  DeadLettersOptions,
  ExportOptions,
  ListOptions,
  Look,
  LookOptions,
  ParkedMessageInFull,
  PeekOptions,
  PurgeOptions,
  PurgeReport,
  RedriveOptions,
  RedriveReport,
} from './dead-letters.types.js';
import type { DeskSettings } from './desk-connection.js';
import { PurgeRun } from './purge-run.js';
import { MOST_AHEAD, type Ahead } from './queue-hold.js';
import { RedriveRun } from './redrive-run.js';
import { Visits, type Visit } from './visits.js';
import { Walk } from './walk.js';

const MOST_GROUPS = 1_000;
const MOST_BYTES = 64 * 1024 * 1024;
const WINDOW = 1_000;

/** A look is done with a message before the next one is read. */
const AT_ONCE: Ahead = () => MOST_AHEAD;
/** As many may be in both queues when the process dies, whatever has become of its acks: the broker gives no more before it has those. */
const FEW = 100;
const MANY = 2_000;
/** Where messages wait here, they must not be too many; where most are held, not too many subscriptions. */
const GROWING: Ahead = (full) => Math.min(MANY, FEW * 2 ** full);
/** No more than are dealt with in ten minutes: a broker takes back what is held for half an hour. */
const paced = (rate: number | undefined): Ahead =>
  rate === undefined ? GROWING : (full) => Math.max(1, Math.min(GROWING(full), rate * 600) | 0);

/**
 * Looks into dead-letter queues, and brings what is in them back, over AMQP alone. Each call has connections of its own and closes them,
 * so that nothing that goes wrong here disturbs a consumer or a publisher.
 *
 * Every look takes each message once, holds it, and gives all of them back in the end. Before RabbitMQ 4.3 a quorum queue counts that as a
 * delivery: one with a delivery limit (from 4.0 on without `x-delivery-limit` 20, but for those that this package declares) gives up a
 * message that was looked at so often. `queue` is always the name of the dead-letter queue itself: `orders.dlq`.
 */
export class DeadLetters {
  readonly #settings: DeskSettings;
  readonly #visits: Visits;

  /** @throws {RabbitMqConfigurationError} listing every wrong option */
  constructor(options: DeadLettersOptions) {
    this.#settings = deskSettings(options);
    this.#visits = new Visits(this.#settings);
  }

  /**
   * The messages of a dead-letter queue, the oldest first, without their content.
   *
   * @throws {RabbitMqConfigurationError} listing every wrong option, as all others do
   * @throws {QueueUnavailableError} when there is no such queue, or it cannot be looked into; as all others do
   * @throws {InterruptedError} when the broker is lost; as all others do
   */
  async list(queue: string, options: ListOptions = {}): Promise<DeadLetterList> {
    const settings = listSettings('DeadLetters.list()', queue, options, 100);
    const messages: ParkedMessage[] = [];
    let more = 0;
    const look = await this.#look(queue, settings, (message) => {
      if (messages.length < settings.limit) messages.push(message);
      else more += 1;
      return true;
    });
    return { ...look, messages, more };
  }

  /** Messages with their content, the oldest first. It looks no further than it has to. */
  async peek(queue: string, options: PeekOptions = {}): Promise<DeadLetterPeek> {
    const settings = listSettings('DeadLetters.peek()', queue, options, 1);
    const messages: ParkedMessageInFull[] = [];
    let bytes = 0;
    let isFull = false;
    const look = await this.#look(queue, settings, (message, taken) => {
      bytes += message.size;
      isFull = bytes > MOST_BYTES && messages.length > 0;
      if (isFull) return false;
      messages.push(inFull(message, taken));
      return messages.length < settings.limit;
    });
    return { ...look, messages, more: isFull || look.left > 0 };
  }

  /** What failed, by bug: one group for each fingerprint. */
  async groups(queue: string, options: LookOptions = {}): Promise<DeadLetterGroups> {
    const settings = lookSettings('DeadLetters.groups()', queue, options);
    const tally = new GroupTally(MOST_GROUPS);
    const look = await this.#look(queue, settings, (message) => {
      tally.add(message);
      return true;
    });
    return { ...look, groups: tally.groups, ungrouped: tally.ungrouped };
  }

  /**
   * Brings messages back to the queue that each failed in, to be tried afresh, by the default exchange: nobody else gets them. Each is
   * acked here once the broker has confirmed it there. What was interrupted can be called again: what is left in the queue is what is left
   * to do, and with `resume` nothing is brought back twice that has failed again meanwhile.
   *
   * @throws {InterruptedError} when the broker is lost, with the `report` of what was done
   */
  async redrive(queue: string, options: RedriveOptions = {}): Promise<RedriveReport> {
    const settings = redriveSettings(queue, options);
    const { connect, timeoutMs } = this.#settings;
    const visit = await this.#visits.begin(queue, paced(settings.rate), settings.signal);
    const sender = new ConfirmedSender({ name: 'DeadLetters', connect, timeoutMs, window: WINDOW });
    return reportOf(new RedriveRun(visit, sender, settings), visit, () => sender.close());
  }

  /**
   * Messages as JSON with nothing lost (`importedMessage()` reads them), the oldest first, each when it is asked for: `for await`. They
   * stay in the queue, held until the end; whoever leaves the loop gives them back.
   */
  async *export(queue: string, options: ExportOptions = {}): AsyncGenerator<ExportedMessage, void> {
    const { filter, scan, limit, signal, onProgress } = exportSettings(queue, options);
    const visit = await this.#visits.begin(queue, GROWING, signal);
    const { hold } = visit;
    try {
      const walk = new Walk(hold, { scan, signal: visit.signal });
      for (let done = 0; done < limit;) {
        const step = await walk.next();
        if (!step) break;
        if (matches(filter, step.message)) {
          done += 1;
          yield exportedMessage(step.taken, queue);
        }
        onProgress?.({ ready: hold.ready, looked: walk.looked, done });
      }
      await hold.giveBack();
    } finally {
      await visit.end();
    }
  }

  /**
   * Throws messages away, for good: those of the filter, or with `all: true` whatever is there.
   *
   * @throws {InterruptedError} when the broker is lost, with the `report` of what was done
   */
  async purge(queue: string, options: PurgeOptions): Promise<PurgeReport> {
    const settings = purgeSettings(queue, options);
    const visit = await this.#visits.begin(queue, () => MANY, settings.signal);
    return reportOf(new PurgeRun(visit, settings), visit);
  }

  /** Ends what is going on: what is under way is finished, the rest given back. The module does so when the application shuts down. */
  close(): Promise<void> {
    return this.#visits.close();
  }

  async #look(
    queue: string,
    { filter, scan }: LookSettings,
    see: (message: ParkedMessage, taken: AmqpTakenLike) => boolean,
  ): Promise<Look> {
    const visit = await this.#visits.begin(queue, AT_ONCE);
    const { hold, signal } = visit;
    try {
      const walk = new Walk(hold, { scan, signal });
      for (;;) {
        const step = await walk.next();
        if (!step) break;
        if (matches(filter, step.message) && !see(step.message, step.taken)) break;
      }
      await hold.giveBack();
      const { ready, consumers } = hold;
      return { queue, ready, consumers, looked: walk.looked, left: walk.left };
    } finally {
      await visit.end();
    }
  }
}

function inFull(message: ParkedMessage, taken: AmqpTakenLike): ParkedMessageInFull {
  const { content, fields, properties } = taken;
  const { exchange, routingKey } = fields;
  return { ...message, exchange, routingKey, properties: { ...properties }, ...bodyOf(content) };
}

/** Runs to the end and gives back the rest. An interruption tells what was done until then. */
async function reportOf<Report extends RedriveReport | PurgeReport>(
  run: { run(): Promise<void>; readonly report: Report },
  visit: Visit,
  closeFirst: () => Promise<void> = async () => {},
): Promise<Report> {
  try {
    await run.run();
    await visit.hold.giveBack();
    return run.report;
  } catch (error) {
    if (error instanceof InterruptedError) error.report = run.report;
    throw error;
  } finally {
    await closeFirst();
    await visit.end();
  }
}
