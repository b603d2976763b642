import type { Arrival } from '../delivery/arrivals.js';
import type { Delivery } from '../delivery/delivery.js';
import type { HandlerMethod } from '../doors/handler-method.js';
import { HeaderNames } from '../wire/header-names.js';
import { Cancellation, type CancellationSource } from './cancellation.js';
import type { HandlerRef } from './handler-ref.js';
import { InboundHeaders } from './inbound-headers.js';

/** By which door a message came in. */
export type Transport = 'http' | 'grpc' | 'rmq' | 'golevelup' | 'rpc' | 'method';

/** What a door knows about the message it lets in. */
export interface InboundFacts {
  readonly transport: Transport;
  /** Event name, pattern, gRPC path, HTTP method and path, or `Class.method`. */
  readonly name: string;
  readonly headers?: InboundHeaders | undefined;
  readonly messageId?: string | undefined;
  /** AMQP's `correlationId` property, where it is not the id of an RPC reply. */
  readonly correlationId?: string | undefined;
  /** A function where it is not there yet: HTTP doors open before the body is read. */
  readonly payload: unknown;
  /** How often a broker says it delivered this message before. */
  readonly deliveryCount?: number | undefined;
  readonly redelivered?: boolean | undefined;
  /** Unix milliseconds. */
  readonly deadline?: number | undefined;
  /** Whether the sender waits for a reply. */
  readonly expectsReply: boolean;
  readonly cancellation?: CancellationSource | undefined;
  /** The transport's own object: request, call, delivery. */
  readonly raw: unknown;
  /** What HTTP is answered with. */
  readonly response?: unknown;
}

const NO_HEADERS = new InboundHeaders();

/** The message being handled: one shape, whatever door it came in by. */
export class InboundMessage {
  readonly transport: Transport;
  readonly name: string;
  readonly messageId: string | undefined;
  readonly headers: InboundHeaders;
  readonly redelivered: boolean;
  /** The deadline that it came with, in Unix milliseconds. */
  readonly sentDeadline: number | undefined;
  readonly expectsReply: boolean;
  readonly raw: unknown;
  /** What HTTP is answered with: Express's response, Fastify's reply. Undefined on other transports. */
  readonly response: unknown;
  #handler: HandlerRef | undefined;
  /** When it came, among those of its consumer; undefined on transports that have no order, and for handlers that need none. */
  arrival: Arrival | undefined;
  #attempt: number;
  #allowedMs: number | undefined;
  #allowedUntil: number | undefined;
  readonly #facts: InboundFacts;
  #received: { readonly value: unknown } | undefined;
  #payload: { readonly value: unknown } | undefined;
  #replace: ((payload: unknown) => void) | undefined;
  #cancellation: Cancellation | undefined;
  #ended = false;
  #isTaken = false;
  /** @internal As the transport knows it, before guards; `handler` is what Nest says when it calls the method. */
  deliveredTo: HandlerMethod | undefined;
  /** @internal The error as it was thrown: what leaves a Nest RPC handler has been through the exception filters. */
  thrown: { readonly error: unknown } | undefined;
  /** @internal Whoever answers its caller tells of its failure as well, and Nest need not. */
  isTold = false;

  /** @internal */
  constructor(
    facts: InboundFacts,
    readonly delivery: Delivery,
  ) {
    this.transport = facts.transport;
    this.name = facts.name;
    this.messageId = facts.messageId === '' ? undefined : facts.messageId;
    this.headers = facts.headers ?? NO_HEADERS;
    this.#facts = facts;
    this.redelivered = facts.redelivered ?? false;
    this.#attempt = attemptOf(this.headers, facts);
    this.sentDeadline = facts.deadline ?? deadlineOf(this.headers);
    this.expectsReply = facts.expectsReply;
    this.raw = facts.raw;
    this.response = facts.response;
  }

  /**
   * 1 = first delivery. The maximum of our own header and what the broker counts; more where a stage repeats the handler
   * without a further delivery.
   */
  get attempt(): number {
    return this.#attempt;
  }

  /** For a stage that repeats the handler without a further delivery: the number of the attempt that comes now. */
  repeatAs(attempt: number): void {
    this.#attempt = Math.max(this.#attempt, attempt);
    // The attempt before may have taken all of its time, and this one has as much.
    if (this.#allowedMs === undefined) return;
    this.#newSignal();
    this.allow(this.#allowedMs);
  }

  /** @internal It has failed, and is handled once more from its door on: nothing of before counts. */
  again(): void {
    this.#ended = false;
    this.#isTaken = false;
    this.thrown = undefined;
    this.#payload = undefined;
    this.#newSignal();
    this.repeatAs(this.#attempt);
  }

  /**
   * Unix milliseconds after which nobody waits for the result, or its handler has had the time that it has: whichever comes first of
   * `sentDeadline` and `allowedUntil`.
   */
  get deadline(): number | undefined {
    const { sentDeadline = Infinity, allowedUntil = Infinity } = this;
    const deadline = Math.min(sentDeadline, allowedUntil);
    return deadline === Infinity ? undefined : deadline;
  }

  /** Unix milliseconds until which a stage allows its handler to take; undefined where none does. */
  get allowedUntil(): number | undefined {
    return this.#allowedUntil;
  }

  /** For a stage that gives its handler no more time than this, from now on. */
  allow(ms: number): void {
    this.#allowedMs = ms;
    this.#allowedUntil = Date.now() + ms;
    this.#cancellation?.limitTo(this.deadline!);
  }

  #newSignal(): void {
    this.#cancellation?.end();
    this.#cancellation = undefined;
  }

  /** Which method handles it; undefined until a door that knows the method was passed. */
  get handler(): HandlerRef | undefined {
    return this.#handler;
  }

  /** The payload as it came in, before any stage or pipe. The same object, not a copy: read it, do not change it. */
  get receivedPayload(): unknown {
    // Asked late: an HTTP context is opened before the body is read.
    return this.#received ? this.#received.value : this.#facts.payload;
  }

  /** What pipes and the handler get. Setting it in an edge stage replaces it for them. */
  get payload(): unknown {
    return this.#payload ? this.#payload.value : this.receivedPayload;
  }

  set payload(next: unknown) {
    this.#received ??= { value: this.#facts.payload };
    this.#payload = { value: next };
    this.#replace?.(next);
  }

  /**
   * Aborted when the caller gave up or the deadline passed, with a reason that says which. Created on first use; it never
   * fires after the handler has ended.
   */
  get signal(): AbortSignal {
    if (!this.#cancellation) {
      this.#cancellation = this.newCancellation();
      if (this.#ended) this.#cancellation.end();
    }
    return this.#cancellation.signal;
  }

  /** @internal */
  handledBy(handler: HandlerRef): void {
    this.#handler ??= handler;
  }

  /**
   * @internal Whether its handler runs or has succeeded: another call is one that the handling makes, and nothing of this
   * message belongs to it. After a failure it may be handled again, by whoever repeats it here.
   */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  set isTaken(isTaken: boolean) {
    this.#isTaken = isTaken;
  }

  /** @internal Where a replaced payload has to be written so that pipes and handler see it. */
  bindPayload(replace: (payload: unknown) => void): void {
    this.#replace = replace;
  }

  /** @internal The caller went away: nobody waits for what is still to come. */
  abandon(reason: Error): void {
    if (!this.#ended) (this.#cancellation ??= this.newCancellation()).abandon(reason);
  }

  private newCancellation(): Cancellation {
    return new Cancellation(this.deadline, this.#facts.cancellation);
  }

  /** @internal */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** @internal */
  end(): void {
    this.#ended = true;
    // Whoever waits for a reply has got it. Of all else it is now decided what becomes of it, and the doors say when it is.
    if (this.expectsReply) this.arrival?.leave();
    this.#cancellation?.end();
  }
}

function attemptOf(
  headers: InboundHeaders,
  { deliveryCount = 0, redelivered }: InboundFacts,
): number {
  const own = headers.getNumber(HeaderNames.attempt);
  const counted = Math.max(
    redelivered ? 2 : 1,
    Number.isSafeInteger(deliveryCount) ? deliveryCount + 1 : 1,
  );
  return own !== undefined && Number.isSafeInteger(own) ? Math.max(own, counted) : counted;
}

function deadlineOf(headers: InboundHeaders): number | undefined {
  const deadline = headers.getNumber(HeaderNames.deadline);
  return deadline !== undefined && deadline > 0 ? deadline : undefined;
}
