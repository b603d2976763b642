import type { MessageContext } from '../context/message-context.js';
import { storage } from '../context/storage.js';
import type { SettleDecision } from './decision.js';

/**
 * Who settles, and when. A stage or a handler *decides*; the transport's driver carries the decision out after the
 * handler has returned, that is, after commit.
 */
export interface Delivery {
  /** `false` on transports that have nothing to settle (HTTP, gRPC, plain methods): decisions are kept but not carried out. */
  readonly settles: boolean;
  readonly decision: SettleDecision | undefined;
  /**
   * Several handlers of one event share a delivery: the context of the one that has decided. Undefined when it was none of
   * them, but code outside of any context or in that of another message, as where a batch is settled by its last one.
   */
  readonly decidedIn: MessageContext | undefined;
  /** Records the decision. The first one wins; a later one is logged and has no effect. Returns whether it was taken. */
  settle(decision: SettleDecision): boolean;
}

/** @internal */
export interface HandlerFailure {
  readonly error: unknown;
  /** Of the handler that failed. */
  readonly context: MessageContext;
}

/** @internal */
export class RecordedDelivery implements Delivery {
  #decision: SettleDecision | undefined;
  #decidedIn: MessageContext | undefined;
  /** The first failure of any handler of this message. */
  failure: HandlerFailure | undefined;
  /** Handlers of the same event besides the first. */
  readonly #others: Promise<unknown>[] = [];

  constructor(
    readonly settles: boolean,
    private readonly onIgnored: (ignored: SettleDecision, kept: SettleDecision) => void,
  ) {}

  get decision(): SettleDecision | undefined {
    return this.#decision;
  }

  get decidedIn(): MessageContext | undefined {
    return this.#decidedIn;
  }

  /** Settling has to wait for this handler of the event, too. */
  await({ handler, context }: { handler: Promise<unknown>; context: MessageContext }): void {
    this.#others.push(handler.catch((error: unknown) => this.failed({ error, context })));
  }

  failed(failure: HandlerFailure): void {
    this.failure ??= failure;
  }

  /** Whether anything has to be waited for besides the first handler. */
  get hasOthers(): boolean {
    return this.#others.length > 0;
  }

  /** Resolves when all others have ended, those included that one of them has started meanwhile. */
  async ended(): Promise<void> {
    for (const other of this.#others) await other;
  }

  settle(decision: SettleDecision): boolean {
    if (this.#decision) {
      this.onIgnored(decision, this.#decision);
      return false;
    }
    this.#decision = decision;
    const context = storage.current.getStore();
    this.#decidedIn = context?.message.delivery === this ? context : undefined;
    return true;
  }
}
