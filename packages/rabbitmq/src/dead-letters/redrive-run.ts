import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { PublishError, type PublishOutcome } from '@acme/nest-message-context';
import { matches } from '../core/dead-letter-filter.js';
import type { HopProperties } from '../core/hop-properties.js';
import { Pace } from '../core/pace.js';
import type { ParkedMessage } from '../core/parked-message.js';
import { redriveProperties } from '../core/redrive-properties.js';
import type { AmqpTakenLike } from '../publisher/amqp-like.js';
import type { ConfirmedSender } from '../publisher/confirmed-sender.js';
import { InterruptedError } from '../rabbitmq.errors.js';
import type { RedriveReport } from './dead-letters.types.js';
import type { RedriveSettings } from './checked-options.js';
import { RedriveTally } from './redrive-tally.js';
import type { Visit } from './visits.js';
import { Walk } from './walk.js';

/** On their way at once: as many may be in both queues when the process dies. */
const WINDOW = 100;

/** Brings messages back: published and confirmed first, and only then acked. Dying in between leaves one in both, never in neither. */
export class RedriveRun {
  readonly #walk: Walk;
  readonly #tally: RedriveTally;
  readonly #pace: Pace;
  /** Queues that a dry run has found. */
  readonly #present = new Set<string>();
  #underWay = 0;
  #lost: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(
    private readonly visit: Visit,
    private readonly sender: Pick<ConfirmedSender, 'send'>,
    private readonly settings: RedriveSettings,
  ) {
    const { hold, signal } = visit;
    this.#walk = new Walk(hold, { scan: settings.scan, signal });
    this.#tally = new RedriveTally();
    this.#pace = new Pace(settings.rate);
  }

  /** @throws {InterruptedError} with the report, when the broker is lost */
  async run(): Promise<void> {
    try {
      while (!this.#lost && (await this.#step()));
    } catch (error) {
      this.#lost ??= error as Error;
    }
    // Whatever has happened, what is under way has its answer first.
    await this.#until(() => this.#underWay === 0);
    if (!this.#lost) return;
    this.#walk.endBy('stopped');
    throw this.#lost;
  }

  get report(): RedriveReport {
    const { hold } = this.visit;
    const { id, dryRun } = this.settings;
    const { looked, end } = this.#walk;
    return {
      id,
      queue: hold.queue,
      dryRun,
      ready: hold.ready,
      looked,
      ...this.#tally.report,
      end,
    };
  }

  /** False when it is over. */
  async #step(): Promise<boolean> {
    const { limit, filter } = this.settings;
    // What is under way may fail, and make room for another one.
    await this.#until(() => this.#underWay < WINDOW && this.#promised < limit);
    if (this.#tally.done >= limit) {
      this.#walk.endBy('limit');
      return false;
    }
    const step = await this.#walk.next();
    if (!step) return false;
    const { taken, message } = step;
    if (matches(filter, message)) await this.#consider(taken, message);
    else this.#tally.leave('unmatched');
    this.#tellProgress();
    return true;
  }

  get #promised(): number {
    // Once all is answered, nothing is waited for.
    return this.#underWay === 0 ? 0 : this.#tally.done + this.#underWay;
  }

  async #consider(taken: AmqpTakenLike, message: ParkedMessage): Promise<void> {
    const { id, force, maxRedrives, dryRun } = this.settings;
    if (message.redriveId === id) return this.#tally.leave('cameBack');
    if (message.redriveCount >= maxRedrives && !force) return this.#tally.leave('tooOften');
    const to = this.settings.to ?? message.origin?.queue;
    if (to === undefined) return this.#tally.leave('withoutOrigin');
    const properties = redriveProperties(taken, {
      to,
      origin: message.origin,
      id,
      now: Date.now(),
    });
    if (!properties)
      return this.#tally.fail(to, 'HEADERS_TOO_LARGE', 'Its headers have no room in 64 KiB.');
    if (this.#tally.isMissing(to) || (dryRun && !(await this.#hasQueue(to))))
      return this.#tally.fail(to, 'NO_QUEUE', NO_QUEUE);
    if (dryRun) return this.#tally.bring(to, message);
    await this.#paced();
    // Held, and so given back.
    if (!this.visit.signal.aborted) this.#send(taken, message, to, properties);
  }

  /** Asked once. */
  async #hasQueue(queue: string): Promise<boolean> {
    if (this.#present.has(queue)) return true;
    const isThere = await this.visit.desk.hasQueue(queue);
    if (isThere) this.#present.add(queue);
    return isThere;
  }

  #send(taken: AmqpTakenLike, message: ParkedMessage, to: string, properties: HopProperties): void {
    const frame = {
      exchange: '',
      routingKey: to,
      content: Buffer.from(taken.content),
      options: {
        ...properties,
        mandatory: true,
        // One that the broker gives back is known by it.
        messageId: properties.messageId ?? randomUUID(),
      },
    };
    this.#underWay += 1;
    this.sender.send(
      1,
      () => frame,
      (_, outcome) => {
        this.#underWay -= 1;
        this.#settle(taken, message, to, outcome);
        this.#tellProgress();
        this.#wake?.();
      },
    );
  }

  #settle(taken: AmqpTakenLike, message: ParkedMessage, to: string, outcome: PublishOutcome): void {
    if (outcome.status === 'confirmed') {
      this.#tally.bring(to, message);
      try {
        this.visit.hold.remove(taken);
      } catch (error) {
        this.#lost ??= error as Error;
      }
    } else if (outcome.status === 'unroutable') {
      this.#tally.fail(to, 'NO_QUEUE', NO_QUEUE);
    } else {
      const { status, error } = outcome;
      const isRefused =
        status === 'rejected' || (error instanceof PublishError && error.reason === 'NACKED');
      this.#tally.fail(to, isRefused ? 'REFUSED' : 'UNCONFIRMED', error.message);
      if (!isRefused) this.#lost ??= new InterruptedError(error.message, { cause: error });
    }
  }

  /** What a listener throws ends the run, wherever it is told. */
  #tellProgress(): void {
    try {
      const { looked } = this.#walk;
      this.settings.onProgress?.({
        ready: this.visit.hold.ready,
        looked,
        done: this.#tally.done,
      });
    } catch (error) {
      this.#lost ??= error as Error;
    }
  }

  async #paced(): Promise<void> {
    const ms = this.#pace.next(performance.now());
    if (ms > 0) await pause(ms, this.visit.signal);
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((done) => (this.#wake = done));
  }
}

const NO_QUEUE =
  'There is no such queue. Start its consumer, or name another one: to, or --to on the command line.';

/** Ends early with the signal. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      done();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
