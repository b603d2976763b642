import { isDeepStrictEqual } from 'node:util';
import {
  HeaderNames,
  NonRetryableError,
  Requeue,
  signalOf,
  type InboundMessage,
  type OrderedKey,
} from '@acme/nest-message-context';
import { durationText, type Pauses } from '@acme/nest-message-context/kit';
import type { Logger } from '@nestjs/common';
import { LONGEST_HOLD_MS } from '../core/hold.js';
import type { Place, Turn } from '../core/key-lanes.js';
import { findingOf, sequenceAfter, type KeySequence } from '../core/key-sequence.js';
import type { KeyState } from '../core/key-state.js';
import { joined, leftOf, mayGo, type InLine, type ParkedLine } from '../core/parked-line.js';
import type { Observability } from '../observability/observability.js';
import { isAnswered } from './blocking.js';
import { isGivenBack } from './given-back.js';
import type { Held } from './held.js';
import type { KeyRecord, KeyRecords } from './key-records.js';
import { ORDER_KEY_STOPPED, orderTexts } from './order-texts.js';
import { orderPlace, placeIn, wasInLine } from './order-place.js';
import type { OrderWatch } from './order-watch.js';

/** While a store that is needed cannot be asked. */
const PAUSE_MS = 1_000;

/** What is known of a delivery, also where nobody has handled it. */
export interface OrderedDelivery {
  /** As the client library has delivered it. */
  readonly raw: object;
  readonly key: OrderedKey;
  readonly messageId: string | undefined;
  readonly headers: Readonly<Record<string, unknown>> | undefined;
  /** In its sequence, as it came; undefined where it has none that could be read. */
  readonly number: number | undefined;
  /** Over where nothing of its client is waited for any more. */
  readonly pauses: Pauses;
}

export interface OrderParts {
  readonly records: KeyRecords;
  /** Deliveries that are to be parked, and nothing of that has begun: a shutdown does not wait for them. */
  readonly staying: WeakSet<object>;
  readonly observability: Pick<Observability, 'outOfSequence' | 'keyStopped' | 'keyResumed'>;
  readonly log: Pick<Logger, 'log' | 'warn'>;
  /** Says so once a minute. */
  readonly unkept: (error: unknown) => void;
}

/** One delivery whose order is known beyond the process: asked before it is handled, and told what became of it. */
export class WatchedOrder {
  #isInLine = false;
  #isTold = false;
  #isAdmitted = false;

  constructor(
    private readonly parts: OrderParts,
    private readonly watch: OrderWatch,
    private readonly delivery: OrderedDelivery,
  ) {}

  /**
   * Whether it may be handled now; resolves when it may.
   *
   * @throws {NonRetryableError} ORDER_KEY_STOPPED
   */
  async admit(place: Place, held: Held): Promise<Turn> {
    const { sequence } = this.watch;
    const until = performance.now() + (sequence?.holds ? sequence.holdMaxMs : 0);
    for (;;) {
      // With another handler of it, which may have ended by now: its number is no longer the next one then.
      if (this.#isAdmitted) return 'go';
      const state = await this.#look(held);
      if (state === 'give-back') return state;
      const { line } = state;
      this.#isInLine = line !== undefined;
      const isStopped = line !== undefined && !mayGo(line, this.#inLine(line));
      if (isStopped && held.arrival.isLost) return 'give-back';
      if (isStopped) throw this.#stopped(line);
      const left = until - performance.now();
      if (!this.#hasGap(state) || left <= 0) {
        this.#tell(state);
        this.#isAdmitted = true;
        return 'go';
      }
      const turn = await yielded(place, left);
      if (turn === 'give-back' || held.arrival.isLost) return 'give-back';
    }
  }

  /** What is known of its key need not be read for each message from now on. To be closed. */
  opened(): () => void {
    return this.parts.records.open(this.delivery.key);
  }

  get key(): string {
    return this.delivery.key.key;
  }

  /** Whether this is what a handler asks for. */
  isAskedBy(watch: OrderWatch): boolean {
    return watch === this.watch || isDeepStrictEqual(watch, this.watch);
  }

  /** Where it waits for lower ones: they go before it. */
  get number(): number | undefined {
    return this.watch.sequence?.holds ? this.delivery.number : undefined;
  }

  /** Runs its handler, and notes that it was handled. What is parked is noted by whoever parks it. */
  async around(held: Held, run: () => Promise<unknown>): Promise<unknown> {
    let result: unknown;
    try {
      result = await run();
    } catch (error) {
      if (endsWith(error, held.message)) await this.#passed(held);
      throw error;
    }
    const { decision } = held.message.delivery;
    const isDone = !decision || decision.action === 'ack' || decision.action === 'reject';
    if (isDone && !isGivenBack(held.message, result)) await this.#passed(held);
    return result;
  }

  /** @throws {Requeue} where its key is stopped, and would stay so because this cannot be kept */
  async #passed(held: Held): Promise<void> {
    const { records, log, observability, unkept } = this.parts;
    const { key } = this.delivery;
    try {
      const resumed = await records.turn(key, async (record) => {
        // Meanwhile another process may have let its key go on, or, where its connection was lost, have stopped it.
        const before = await record.read(this.#isInLine || held.arrival.isLost);
        const after = this.#afterPassing(before);
        await record.keep(after);
        return before.line !== undefined && after.line === undefined;
      });
      if (!resumed) return;
      log.log(orderTexts.resumed(key));
      observability.keyResumed(key.queue);
    } catch (error) {
      unkept(error);
      if (!this.#isInLine) return;
      held.goesBack = true;
      throw new Requeue({ message: orderTexts.unkept(key), cause: error });
    }
  }

  /**
   * Parks it, with what its copy has to carry, once that is kept. Whoever asks about its key meanwhile waits until it is parked: in the
   * dead-letter queue messages of a key have their order, too.
   *
   * @param publish resolves when the broker has confirmed it
   */
  async parked<T>(publish: (carried: Record<string, string>) => Promise<T>): Promise<T> {
    const { records, staying } = this.parts;
    const { key, raw, pauses } = this.delivery;
    staying.add(raw);
    const done = await records.turn(key, async (record) => {
      if (pauses.areOver) return undefined;
      const carried = this.watch.stops ? await this.#stop(record) : await this.#note(record);
      if (!carried) return undefined;
      staying.delete(raw);
      return { answer: await publish(carried) };
    });
    // It goes back with its channel, to its place: nothing of its key is handled any more.
    return done ? done.answer : new Promise<never>(() => {});
  }

  /** Nothing but its number is lost where that cannot be kept. */
  async #note(record: KeyRecord): Promise<Record<string, string>> {
    try {
      const state = await record.read();
      await record.keep({ ...state, sequence: this.#sequenceAfter(state, 'parked') });
    } catch (error) {
      this.parts.unkept(error);
    }
    return {};
  }

  /**
   * Parked without that, the next one would overtake it: hence it waits for the store, and is given back in the end. Undefined where the
   * application shuts down before.
   */
  async #stop(record: KeyRecord): Promise<Record<string, string> | undefined> {
    const { log, observability } = this.parts;
    const { key, messageId } = this.delivery;
    const until = performance.now() + LONGEST_HOLD_MS;
    let tried: ReturnType<typeof joined> | undefined;
    let begins = false;
    for (;;) {
      try {
        const before = await record.read(true);
        begins ||= !before.line;
        // A write without an answer may have been kept: without an id it would stand in line behind itself.
        tried = isSameLine(tried?.line, before.line)
          ? tried!
          : joined(before.line, this.#inLine(before.line), Date.now());
        const { line, place } = tried;
        await record.keep({ sequence: this.#sequenceAfter(before, 'parked'), line });
        if (begins) {
          log.warn(orderTexts.stopped(key, messageId));
          observability.keyStopped(key.queue, messageId);
        }
        return { [HeaderNames.orderPlace]: orderPlace(line, place) };
      } catch (error) {
        if (await this.#mayWait(error, until)) continue;
        if (this.delivery.pauses.areOver) return undefined;
        throw error;
      }
    }
  }

  async #mayWait(error: unknown, until: number): Promise<boolean> {
    const { pauses } = this.delivery;
    this.parts.unkept(error);
    await pauses.wait(PAUSE_MS);
    return !pauses.areOver && performance.now() < until;
  }

  #afterPassing(state: KeyState): KeyState {
    const { line } = state;
    const inLine = this.#inLine(line);
    const sequence = this.#sequenceAfter(state, 'handled');
    // The line may have begun while this one ran.
    const left = line && mayGo(line, inLine) ? leftOf(line, inLine) : line;
    return sequence === state.sequence && left === line ? state : { sequence, line: left };
  }

  #sequenceAfter(state: KeyState, how: 'handled' | 'parked'): KeySequence | undefined {
    const { number } = this.delivery;
    return number === undefined ? state.sequence : sequenceAfter(this.#known(state), number, how);
  }

  #known({ sequence }: KeyState): KeySequence | undefined {
    const startsAt = this.watch.sequence?.startsAt;
    return sequence ?? (startsAt === undefined ? undefined : { last: startsAt - 1, missing: [] });
  }

  #inLine(line: ParkedLine | undefined): InLine {
    const { messageId: id, headers } = this.delivery;
    return { id, place: line && placeIn(headers, line) };
  }

  #hasGap(state: KeyState): boolean {
    const { number } = this.delivery;
    return number !== undefined && findingOf(this.#known(state), number).finding === 'gap';
  }

  /** Waits for a store that is needed. Where numbers are merely watched it goes without. */
  async #look(held: Held): Promise<KeyState | 'give-back'> {
    const { records, unkept } = this.parts;
    const { pauses } = this.delivery;
    const until = performance.now() + LONGEST_HOLD_MS;
    for (;;) {
      try {
        const state = await records.turn(this.delivery.key, async (record) => {
          const known = await record.read();
          // Before anything is made of it: another process may know better.
          return this.#isPlain(known) ? known : record.read(true);
        });
        // What was to be parked before it may not have been.
        return this.watch.stops && pauses.areOver ? 'give-back' : state;
      } catch (error) {
        if (!this.watch.stops) {
          unkept(error);
          return {};
        }
        if ((await this.#mayWait(error, until)) && !held.arrival.isLost) continue;
        held.goesBack = true;
        return 'give-back';
      }
    }
  }

  #isPlain(state: KeyState): boolean {
    const { number } = this.delivery;
    if (state.line) return false;
    return number === undefined || findingOf(this.#known(state), number).finding === 'next';
  }

  #tell(state: KeyState): void {
    const { number, key, headers, messageId } = this.delivery;
    if (number === undefined || this.#isTold) return;
    const found = findingOf(this.#known(state), number);
    // It comes late because somebody has redriven it.
    if (found.finding === 'next' || (found.finding === 'late' && wasInLine(headers))) return;
    this.#isTold = true;
    const { holds, holdMaxMs = 0 } = this.watch.sequence ?? {};
    const waited = holds ? durationText(holdMaxMs) : undefined;
    this.parts.log.warn(orderTexts.found(found, { key, number, messageId, waited }));
    this.parts.observability.outOfSequence(key.queue, found, number);
  }

  #stopped(line: ParkedLine): Error {
    const { key } = this.delivery;
    const { place } = this.#inLine(line);
    return new NonRetryableError(ORDER_KEY_STOPPED, {
      message: orderTexts.waits(key, line, place),
    });
  }
}

/** Whether a message that has failed neither comes again nor is parked here. */
function endsWith(error: unknown, message: InboundMessage): boolean {
  const { decision } = message.delivery;
  if (decision && decision.action !== 'ack') return decision.action === 'reject';
  return signalOf(error)?.action === 'ack' || isAnswered(message);
}

const isSameLine = (one: ParkedLine | undefined, other: ParkedLine | undefined): boolean =>
  one !== undefined && one.since === other?.since && one.given === other.given;

/** Until one with a lower number has been handled, but no longer than this. */
async function yielded(place: Place, ms: number): Promise<Turn> {
  const turn = place.yield();
  const timer = setTimeout(() => place.resume(), ms);
  try {
    return await turn;
  } finally {
    clearTimeout(timer);
  }
}
