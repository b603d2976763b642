import { Chain, type Linked } from '../kit/chain.js';

/** An amqplib channel, and whatever else tells that it is closed. */
interface ClosableLike {
  once?(event: 'close', listener: () => void): unknown;
}

/**
 * The deliveries of one consumer in the order in which it was given them. Guards and pipes take their time, each its own, and so
 * bodies are not reached in that order: whoever needs it waits for his turn.
 */
export class Arrivals {
  #count = 0;
  #lost = 0;
  #source: object | undefined;
  /** The highest of this source. */
  #tag = 0;
  /** On their way to the body, the oldest first. */
  readonly #underWay = new Chain<Arrival>();

  /** @param queue the queue they come from; undefined where the server has named it */
  constructor(readonly queue: string | undefined) {}

  /** @internal The number of the last that can no longer be settled; 0 where there is none. */
  get lost(): number {
    return this.#lost;
  }

  /**
   * @internal By the doors, for each delivery.
   * @param source the channel that has brought it, where the door knows that
   * @param tag its delivery tag there
   */
  enter(source?: object, tag = Number.MAX_SAFE_INTEGER): Arrival {
    if (source !== undefined && source !== this.#source) this.#follow(source);
    const isOvertaken = tag < this.#tag;
    this.#tag = Math.max(this.#tag, tag);
    return this.add(isOvertaken);
  }

  /** @internal */
  add(isOvertaken: boolean, settling?: Arrival): Arrival {
    const arrival = new Arrival(this, (this.#count += 1), isOvertaken, settling);
    this.#underWay.add(arrival);
    return arrival;
  }

  /** @internal The connection is gone: the broker delivers again whatever is not settled yet. */
  lose(): void {
    this.#lost = this.#count;
  }

  /** @internal Lets those go on whose turn it is. */
  proceed(): void {
    for (let next = this.#underWay.first; next?.come(); next = this.#underWay.first)
      this.#underWay.remove(next);
  }

  /** @internal */
  forget(arrival: Arrival): void {
    if (this.#underWay.remove(arrival)) this.proceed();
  }

  #follow(source: object): void {
    this.lose();
    this.#source = source;
    this.#tag = 0;
    (source as ClosableLike).once?.('close', () => {
      if (this.#source === source) this.lose();
    });
  }
}

/** One delivery on its way from its transport door to the body of its handler. */
export class Arrival implements Linked<Arrival> {
  /** @internal */
  previous: Arrival | undefined;
  /** @internal */
  next: Arrival | undefined;
  /** @internal */
  chain: object | undefined;
  #come: (() => void) | undefined;
  #hasLeft = false;
  readonly #left: (() => void)[] = [];

  /** @internal */
  constructor(
    /** Those of its consumer. */
    readonly among: Arrivals,
    /** 1 is the first that the consumer was given. */
    readonly number: number,
    /** Whether another one that was delivered later has come to the door before it: something asynchronous is in front of that. */
    readonly isOvertaken: boolean,
    /** The same delivery on its way to the first of its handlers, where this one is to another: what becomes of it is carried out for all. */
    private readonly settling?: Arrival,
  ) {}

  /** @internal The same delivery, on its way to a further handler of its event. */
  besides(): Arrival {
    return this.among.add(this.isOvertaken, this);
  }

  /** Whether the broker delivers it again, because the connection it came by is gone. */
  get isLost(): boolean {
    return this.number <= this.among.lost;
  }

  /** Called once, by the body: resolves when all that came before have called it as well, or have ended without. */
  turn(): Promise<void> {
    // It has ended already: nobody waits for it, so it has no turn to wait for.
    if (!this.chain) return Promise.resolve();
    return new Promise((come) => {
      this.#come = come;
      // Once whoever has asked waits: resolved before, it would go on behind those that have waited already.
      queueMicrotask(() => this.among.proceed());
    });
  }

  /** @internal Its turn, if its body waits for that. */
  come(): boolean {
    this.#come?.();
    return this.#come !== undefined;
  }

  /** Calls it once it has ended, and what becomes of it is being carried out; at once where that is so. */
  whenLeft(then: () => void): void {
    if (this.settling) this.settling.whenLeft(then);
    else if (this.#hasLeft) then();
    else this.#left.push(then);
  }

  /**
   * @internal It has ended, and whoever settles it was told. Where its body was not reached, nobody has to wait for that any more.
   */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    if (!this.#come) this.among.forget(this);
    for (const then of this.#left.splice(0)) then();
  }
}
