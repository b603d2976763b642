import type { SettleDecision } from './decision.js';

/**
 * Who settles, and when. A stage or a handler *decides*; the transport's driver carries the decision out after the
 * handler has returned, that is, after commit.
 */
export interface Delivery {
  /** `false` on transports that have nothing to settle (HTTP, gRPC, plain methods): decisions are kept but not carried out. */
  readonly settles: boolean;
  readonly decision: SettleDecision | undefined;
  /** Records the decision. The first one wins; a later one is logged and has no effect. Returns whether it was taken. */
  settle(decision: SettleDecision): boolean;
}

/** @internal */
export class RecordedDelivery implements Delivery {
  #decision: SettleDecision | undefined;
  /** The error as it was thrown: what leaves a Nest RPC handler has been through the exception filters. */
  thrown: { readonly error: unknown } | undefined;
  /** Handlers of the same event besides the first. */
  readonly #others: Promise<void>[] = [];

  constructor(
    readonly settles: boolean,
    private readonly onIgnored: (ignored: SettleDecision, kept: SettleDecision) => void,
  ) {}

  get decision(): SettleDecision | undefined {
    return this.#decision;
  }

  /** Settling has to wait for this handler of the event, too. */
  await(handler: Promise<void>): void {
    this.#others.push(handler);
  }

  async ended(): Promise<void> {
    if (this.#others.length > 0) await Promise.all(this.#others);
  }

  settle(decision: SettleDecision): boolean {
    if (this.#decision) {
      this.onIgnored(decision, this.#decision);
      return false;
    }
    this.#decision = decision;
    return true;
  }
}
