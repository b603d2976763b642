import type { OutboundMessage, Publisher } from '@acme/nest-message-context';
import type { StoredMessage } from '../contracts/messages.js';
import type { Breaker } from '../core/breaker.js';
import type { MessageBook } from '../core/message-book.js';
import { toOutbound } from '../message/to-outbound.js';
import type { LaneKeeper } from './lane-keeper.js';
import { toVerdict, type Outcome, type Unpublishable } from './outcome.js';
import { publishEach } from './publish-each.js';
import type { Settler } from './settler.js';

/** What the dispatcher has to tell. */
export interface DispatcherEvents {
  /** A message was to go out whose lane is no longer ours. */
  laneLost(lane: number): void;
  /** The broker answers again. */
  brokerUp(): void;
  /** A message has its outcome, so there may be room for more. */
  answered(): void;
  failed(error: unknown): void;
}

/** Hands messages to the publisher, as many at once as the book allows, and their outcomes to the settler. */
export class Dispatcher {
  #index = 0;
  #stopped = false;
  /** A message got no answer; whose fault that is shows when it is settled. */
  #doubtful = false;
  #lastError: Error | undefined;

  constructor(
    private readonly publisher: Publisher,
    private readonly book: MessageBook<StoredMessage>,
    private readonly lanes: LaneKeeper,
    private readonly breaker: Breaker,
    private readonly settler: Settler,
    private readonly events: DispatcherEvents,
  ) {}

  /** Why the broker was last found not to answer. */
  get lastError(): Error | undefined {
    return this.#lastError;
  }

  /** Publishes what may go out. To be called whenever that may have changed. */
  run(): void {
    if (this.#stopped || this.#doubtful || this.breaker.isOpen) return;
    const rows: StoredMessage[] = [];
    for (let row = this.book.take(); row; row = this.book.take()) rows.push(row);
    if (rows.length > 0) this.#publish(rows);
  }

  /** For good: what is under way is still settled. */
  stop(): void {
    this.#stopped = true;
  }

  /** Whose fault it was is known now. */
  settled(): void {
    this.#doubtful = false;
    this.run();
  }

  /** Publishes one message of the book although the broker does not answer. */
  probe(): void {
    this.#doubtful = false;
    // Nothing else is under way, and whoever has reserved a place waits for the broker, too.
    const row = this.book.take(true);
    if (row) this.#publish([row]);
  }

  /** A place in the order of publishing. */
  nextIndex(): number {
    return ++this.#index;
  }

  /** Asks the publisher for a message that the book does not hand out. */
  ask(row: StoredMessage): Promise<Outcome> {
    return new Promise((done) => {
      const message = outboundOf(row);
      if ('status' in message) done(message);
      else publishEach(this.publisher, [message], (_index, outcome) => done(outcome));
    });
  }

  /** Takes note of what became of a message. */
  conclude(row: StoredMessage, index: number, outcome: Outcome): void {
    if (outcome.status === 'unknown') {
      this.#doubtful = true;
      this.#lastError = outcome.error;
    } else if (outcome.status !== 'unpublishable' && this.breaker.close()) this.events.brokerUp();
    if (outcome.status === 'confirmed') this.book.landed(row);
    this.settler.add(toVerdict(row, index, outcome));
    this.run();
    this.events.answered();
  }

  /** What cannot even be handed over says nothing of the broker, and nothing of the others. */
  #publish(taken: readonly StoredMessage[]): void {
    const rows: StoredMessage[] = [];
    const messages: OutboundMessage[] = [];
    const refused: (() => void)[] = [];
    for (const row of taken) {
      if (!this.lanes.mayPublish(row.lane)) {
        this.book.forget(row);
        this.events.laneLost(row.lane);
        continue;
      }
      const message = outboundOf(row);
      if ('status' in message) {
        refused.push(() => this.#conclude(row, this.nextIndex(), message));
      } else {
        rows.push(row);
        messages.push(message);
      }
    }
    const first = this.#index + 1;
    this.#index += rows.length;
    if (rows.length > 0) {
      publishEach(this.publisher, messages, (at, outcome) =>
        this.#conclude(rows[at] as StoredMessage, first + at, outcome),
      );
    }
    for (const conclude of refused) conclude();
  }

  #conclude(row: StoredMessage, index: number, outcome: Outcome): void {
    try {
      this.conclude(row, index, outcome);
    } catch (error) {
      this.events.failed(error);
    }
  }
}

function outboundOf(row: StoredMessage): OutboundMessage | Unpublishable {
  try {
    return toOutbound(row);
  } catch (error) {
    return { status: 'unpublishable', error };
  }
}
