import type { HeaderValue, Publisher } from '@acme/nest-message-context';
import {
  EventChannels,
  EventSource,
  loadOtelApi,
  type OtelApi,
} from '@acme/nest-message-context/observability';
import { Logger } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { StoredEntry } from '../contracts/messages.js';
import type { HeldBack, Parked } from '../core/settle-plan.js';
import type { BrokerInfo } from './broker-info.js';
import { errorCodeOf } from './error-code.js';
import {
  EVENT_TYPES,
  type OutboxDownEvent,
  type OutboxActivity,
  type OutboxLanesEvent,
  type OutboxMovedEvent,
  type OutboxUpEvent,
} from './event.js';
import type { RelaySource } from './gauges.js';
import { Metrics } from './metrics.js';
import { countByType, Tally } from './tally.js';
import { TracedPublisher } from './traced-publisher.js';
import { Tracing, untraced, type Adding } from './tracing.js';

const CHANNELS = new EventChannels<OutboxActivity>('outbox', EVENT_TYPES);

type Message = Pick<StoredEntry, 'type' | 'messageId'> & { readonly exchange?: string | null };

/** Of each event apart, what it has beside the time and the name of the outbox. */
type Untold<Event = OutboxActivity> = Event extends OutboxActivity
  ? Omit<Event, 'at' | 'outbox'>
  : never;

/** Tells what happens to one outbox, and makes nothing of it while nobody wants to know. */
export class Observability {
  readonly #logger = new Logger('Outbox');
  readonly #metrics: Metrics | undefined;
  readonly #tracing: Tracing | undefined;
  readonly #tally = new Tally();
  #wanted = false;
  readonly #events = new EventSource<OutboxActivity>(CHANNELS, (error) =>
    this.#logger.error('A subscriber of OutboxEvents.events$ failed.', error),
  );
  readonly events$: Observable<OutboxActivity> = this.#events.events$;

  constructor(
    private readonly outbox: string,
    broker: BrokerInfo = {},
    api?: OtelApi,
  ) {
    if (!api) return;
    const { system } = broker;
    const attributes = { 'outbox.name': outbox, ...(system && { 'messaging.system': system }) };
    this.#metrics = new Metrics(api, attributes);
    this.#tracing = new Tracing(api, attributes, broker);
  }

  /** With OpenTelemetry where its API is installed. */
  static async load(outbox: string, broker?: BrokerInfo): Promise<Observability> {
    return new Observability(outbox, broker, await loadOtelApi());
  }

  /** Runs `add`, of so many messages, in a span, where somebody traces. */
  adding<R>(
    count: number,
    inherited: Readonly<Record<string, HeaderValue>>,
    add: (adding: Adding) => Promise<R>,
  ): Promise<R> {
    return this.#tracing && count > 0
      ? this.#tracing.adding(inherited, add)
      : add(untraced(inherited));
  }

  added(messages: readonly Message[], committed: boolean): void {
    if (!this.#hasListeners()) return;
    this.#tell({ type: 'added', ...counted(messages), committed });
  }

  /** The publisher as the relay is to use it. */
  traced(publisher: Publisher): Publisher {
    return this.#tracing ? new TracedPublisher(publisher, this.#tracing) : publisher;
  }

  /** A relay runs from now on; none does, when it is called with undefined. */
  relaying(source: RelaySource | undefined): void {
    this.#metrics?.watch(source);
  }

  /** As the last `look()` has found it. */
  get isWanted(): boolean {
    return this.#wanted;
  }

  /** Finds out whether somebody wants to know. Called by the relay now and then, not for each message. */
  look(): void {
    this.#wanted = this.#hasListeners();
    if (this.#tracing) this.#tracing.isWanted = this.#tracing.tracer !== undefined;
  }

  /** The broker has confirmed a message. Called for each of them: it costs a comparison while nobody wants to know. */
  confirmed({ addedAt }: StoredEntry): void {
    if (!this.#wanted || addedAt === undefined) return;
    const latencyMs = Math.max(0, performance.now() - addedAt);
    this.#tally.add(latencyMs);
    this.#metrics?.latency(latencyMs);
  }

  published(messages: readonly Message[]): void {
    if (!this.#wanted || messages.length === 0) return;
    this.#tell({ type: 'published', ...counted(messages), latencyMs: this.#tally.take() });
  }

  heldBack({ row, attempts, delayMs, history }: HeldBack<StoredEntry>): void {
    if (!this.#hasListeners()) return;
    const errorCode = history.at(-1)?.code ?? 'NO_ANSWER';
    this.#tell({ type: 'held_back', ...named(row), attempts, delayMs, errorCode });
  }

  parked({ row, attempts, reason }: Parked<StoredEntry>): void {
    if (!this.#hasListeners()) return;
    this.#tell({ type: 'parked', ...named(row), attempts, errorCode: reason.code });
  }

  suspected({ messageId, type }: StoredEntry, deaths: number): void {
    if (!this.#hasListeners()) return;
    this.#tell({ type: 'suspected', messageId, messageType: type, deaths });
  }

  down(type: OutboxDownEvent['type'], error: unknown): void {
    if (this.#hasListeners()) this.#tell({ type, errorCode: errorCodeOf(error) });
  }

  up(type: OutboxUpEvent['type'], downMs: number): void {
    if (this.#hasListeners()) this.#tell({ type, downMs });
  }

  lanes(type: OutboxLanesEvent['type'], lanes: number): void {
    if (this.#hasListeners()) this.#tell({ type, lanes });
  }

  readonly moved = (type: OutboxMovedEvent['type'], count: number): void => {
    if (count > 0 && this.#hasListeners()) this.#tell({ type, count });
  };

  end(): void {
    this.#metrics?.end();
    this.#events.end();
  }

  #hasListeners(): boolean {
    return this.#metrics?.isOn === true || this.#events.hasListeners;
  }

  #tell(untold: Untold): void {
    const event = { ...untold, at: new Date(), outbox: this.outbox };
    this.#metrics?.record(event);
    this.#events.tell(event);
  }
}

const counted = (messages: readonly Message[]) => ({
  count: messages.length,
  types: countByType(messages),
});

const named = ({ messageId, type, exchange }: Message) => ({
  messageId,
  messageType: type,
  exchange: exchange ?? undefined,
});
