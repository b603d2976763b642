import { randomUUID } from 'node:crypto';
import type { BrokerProbe } from '@acme/nest-message-context';
import { OptionsCheck, show, type Duration } from '@acme/nest-message-context/kit';
import type { OutboxFinding } from '../contracts/examination.js';
import type {
  OutboxStatus,
  ParkedFilter,
  ParkedMessage,
  PublishedFilter,
} from '../contracts/messages.js';
import type { EntryRules, OutboxOperations } from '../contracts/outbox-store.js';
import { diagnose } from '../doctor/doctor.js';
import { OutboxConfigurationError } from '../outbox.errors.js';
import type { Observability } from '../observability/observability.js';
import { isOfReplay, toReplayed } from './replay.js';

/** How `redrive` and `discard` work. */
export interface MoveOptions {
  /** Told after each piece how many messages were moved so far. */
  readonly onProgress?: ((moved: number) => void) | undefined;
}

/** What `doctor` looks at. */
export interface DoctorOptions {
  /**
   * What has waited longer is too late: a message that could be published, a delayed one that is due, a transaction that keeps
   * vacuum (in MariaDB purge) from its work, or rows from others.
   * @default '1m'
   */
  readonly maxAge?: Duration | undefined;
  /**
   * How long published messages are to be kept.
   * @default the `retention` of the module
   */
  readonly retention?: Duration | undefined;
  /**
   * Asks the broker: `rabbitMqProbe(() => amqplib.connect(url))` of `@acme/nest-rabbitmq`. One message is published, to nobody.
   * @default the broker is not looked at
   */
  readonly broker?: BrokerProbe | undefined;
  /**
   * Where messages go that name no exchange; looked for with `broker`.
   * @default the `exchange` of the module's publisher, where it tells
   */
  readonly exchange?: string | undefined;
}

/** How `replay` publishes again. */
export interface ReplayOptions {
  /**
   * Gives each message a new `messageId`, so that consumers that recognise duplicates handle it once more.
   * @default false
   */
  readonly newIds?: boolean | undefined;
  /** Told after each piece how many messages were added so far. */
  readonly onProgress?: ((added: number) => void) | undefined;
}

/** Few enough to be moved in a moment. */
const PIECE = 500;

/** Numbered when they were published first, if at all. */
const AS_THEY_ARE: EntryRules = { strictOrder: false, sequence: false };

/** Looks into the outbox, and brings back what was parked or published. */
export class OutboxAdmin {
  /** @internal Made by `OutboxModule`. */
  constructor(
    private readonly operations: OutboxOperations,
    private readonly wake: () => void = () => {},
    private readonly retentionMs?: number,
    private readonly tell: Observability['moved'] = () => {},
    private readonly exchange?: string,
  ) {}

  /** What is in the outbox now. */
  status(): Promise<OutboxStatus> {
    return this.operations.status();
  }

  /**
   * Why messages do not leave, and what may keep them from leaving: errors first, none when all is well. Looks and changes
   * nothing, but for one message that a broker given by `broker` confirms and nobody gets.
   *
   * @throws {OutboxConfigurationError} when an option is wrong
   * @throws the database's error when it cannot be asked
   */
  async doctor(options: DoctorOptions = {}): Promise<OutboxFinding[]> {
    const { maxAge, retention, broker, exchange = this.exchange } = options;
    const check = new OptionsCheck();
    check.known('', options, ['maxAge', 'retention', 'broker', 'exchange']);
    const maxAgeMs = check.duration('maxAge', maxAge, '1m');
    const retentionMs =
      retention === undefined ? this.retentionMs : check.duration('retention', retention, '1d');
    if (broker !== undefined && typeof broker !== 'function')
      check.problems.push(
        'broker: not a function. Give rabbitMqProbe(() => amqplib.connect(url)) of @acme/nest-rabbitmq.',
      );
    if (exchange !== undefined && typeof exchange !== 'string')
      check.problems.push(`exchange: ${show(exchange)} is not a name. Give a string.`);
    if (options.exchange !== undefined && broker === undefined)
      check.problems.push('exchange: is looked for in the broker only. Give broker as well.');
    if (check.problems.length > 0)
      throw new OutboxConfigurationError(check.problems, 'OutboxAdmin.doctor()');
    return diagnose(this.operations, { maxAgeMs, retentionMs, broker, exchange });
  }

  /** Parked messages, the oldest first. */
  parked(filter: ParkedFilter = {}, limit = 100): Promise<ParkedMessage[]> {
    return this.operations.parked(filter, limit);
  }

  /**
   * Puts parked messages back: with their old ids, before whatever of their keys still waits, and with all attempts. Each one
   * once, also one that is parked again meanwhile. Returns how many.
   */
  async redrive(filter: ParkedFilter = {}, options: MoveOptions = {}): Promise<number> {
    let after: number | undefined;
    const piece = async (): Promise<number> => {
      const { count, lastSeq } = await this.operations.redrive(filter, PIECE, after);
      after = lastSeq;
      return count;
    };
    return this.#move('redriven', piece, options);
  }

  /** Throws parked messages away, for good. Returns how many. */
  async discard(filter: ParkedFilter, options: MoveOptions = {}): Promise<number> {
    return this.#move('discarded', () => this.operations.discard(filter, PIECE), options);
  }

  /** What was moved before something fails stays moved, so the relay and the listeners hear of it. */
  async #move(
    what: 'redriven' | 'discarded',
    piece: () => Promise<number>,
    { onProgress }: MoveOptions,
  ): Promise<number> {
    let total = 0;
    try {
      for (;;) {
        const moved = await piece();
        total += moved;
        onProgress?.(total);
        if (moved < PIECE) return total;
      }
    } finally {
      if (total > 0) this.wake();
      this.tell(what, total);
    }
  }

  /**
   * Publishes kept messages again (see `retention`), in the order in which they were inserted. They carry `x-redrive-id`, one
   * for each call, and `x-redrive-count`. Returns how many were added. When it fails, those added before stay.
   */
  async replay(filter: PublishedFilter, options: ReplayOptions = {}): Promise<number> {
    const { newIds = false, onProgress } = options;
    const replayId = randomUUID();
    let added = 0;
    let after: number | undefined;
    for (;;) {
      const found = await this.operations.published(filter, after, PIECE);
      // What it has published itself is kept as well: all that follows is newer than the call.
      const own = found.findIndex((message) => isOfReplay(message, replayId));
      const old = own < 0 ? found : found.slice(0, own);
      if (old.length > 0) {
        const messages = old.map((message) => toReplayed(message, replayId, newIds));
        await this.operations.add(messages, AS_THEY_ARE);
        added += old.length;
        this.tell('replayed', old.length);
        this.wake();
        onProgress?.(added);
      }
      if (old.length < PIECE) return added;
      after = old.at(-1)?.seq;
    }
  }
}
