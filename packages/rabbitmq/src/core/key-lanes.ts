/** Whether a message may be handled now, or has to go back to the broker. */
export type Turn = 'go' | 'give-back';

/** A message that comes to its lane. */
export interface Arriving {
  /** Several handlers of one delivery are one step of the lane, side by side. */
  readonly delivery: object;
  /** By which a message is known when it comes again. */
  readonly id: string | undefined;
  /** Whether the broker says that it has been delivered before. */
  readonly redelivered: boolean;
  /** Its number in the order of its key: it goes before those that wait and have a higher one. Undefined: as it comes. */
  readonly number?: number | undefined;
}

/** A place in a lane. */
export interface Place {
  /** A promise where it has to wait. */
  readonly turn: Turn | Promise<Turn>;
  /** The work has ended, or will not be done: the next one may go. To be called once, except after `keep()`. */
  leave(): void;
  /** The message goes back to the broker. Its place is kept until it comes again, or until `leave()`: those behind it wait. */
  keep(): void;
  /**
   * Where it has begun and waits for another one with a lower number, which then goes first. Resolves when it is its turn once more.
   */
  yield(): Promise<Turn>;
  /** It waits no longer for others that may come: it is its turn once those before it have left. */
  resume(): void;
}

/** What is done at one time in one lane. */
interface Step {
  readonly arriving: Arriving;
  /** Those of its handlers that have not left. */
  members: number;
  turn: Turn | undefined;
  isKept: boolean;
  /** It has begun, and lets others go first. */
  isYielding: boolean;
  readonly waiting: ((turn: Turn) => void)[];
}

/**
 * Lets one message of a key go at a time, in the order in which they have taken their places, and those of different keys at once.
 * A lane is there as long as somebody has a place in it, so that there are never more of them than messages under way.
 */
export class KeyLanes {
  readonly #lanes = new Map<string, Step[]>();
  #released = false;

  /** How many keys have messages under way. */
  get size(): number {
    return this.#lanes.size;
  }

  /** Whoever comes again takes the place that is kept for him, everybody else the last one. */
  take(key: string, arriving: Arriving): Place {
    const lane = this.#laneOf(key);
    const same = lane.find(({ arriving: { delivery } }) => delivery === arriving.delivery);
    if (same) {
      same.members += 1;
      return this.#placeIn(key, same);
    }
    const step: Step = {
      arriving,
      members: 1,
      turn: undefined,
      isKept: false,
      isYielding: false,
      waiting: [],
    };
    const kept = lane.findIndex((other) => isKeptFor(arriving, other));
    if (kept < 0) lane.splice(placeFor(arriving, lane), 0, step);
    else lane[kept] = step;
    if (this.#released) tell(step, 'give-back');
    // One that waits for a lower number goes on waiting: what has come behind it is none.
    if (lane[0]?.isYielding !== true) this.#begin(lane);
    return this.#placeIn(key, step);
  }

  /** Nothing begins any more: those that wait go back, and so does what comes. */
  release(): void {
    this.#released = true;
    for (const lane of this.#lanes.values()) for (const step of lane) tell(step, 'give-back');
  }

  #laneOf(key: string): Step[] {
    let lane = this.#lanes.get(key);
    if (!lane) this.#lanes.set(key, (lane = []));
    return lane;
  }

  #placeIn(key: string, step: Step): Place {
    return {
      turn: step.turn ?? new Promise((turn) => step.waiting.push(turn)),
      keep: () => {
        step.isKept = true;
        step.members -= 1;
      },
      leave: () => {
        if (step.members > 0) step.members -= 1;
        else step.isKept = false;
        if (step.members === 0 && !step.isKept) this.#remove(key, step);
      },
      yield: () => this.#yield(key, step),
      resume: () => {
        step.isYielding = false;
        const lane = this.#lanes.get(key);
        if (lane?.[0] === step) this.#begin(lane);
      },
    };
  }

  #yield(key: string, step: Step): Promise<Turn> {
    if (this.#released) return Promise.resolve('give-back');
    step.isYielding = true;
    step.turn = undefined;
    const lane = this.#laneOf(key);
    // They have come while it was running.
    const number = step.arriving.number ?? 0;
    const isLower = ({ arriving }: Step): boolean => (arriving.number ?? number) < number;
    const at = lane.indexOf(step);
    const to = lane.findLastIndex(isLower);
    if (to > at) {
      lane.splice(at, 1);
      lane.splice(to, 0, step);
      this.#begin(lane);
    }
    return new Promise((turn) => step.waiting.push(turn));
  }

  #remove(key: string, step: Step): void {
    const lane = this.#lanes.get(key);
    // Whoever has come again has taken its place.
    if (!lane?.includes(step)) return;
    lane.splice(lane.indexOf(step), 1);
    this.#begin(lane);
    if (lane.length === 0) this.#lanes.delete(key);
  }

  #begin([first]: readonly Step[]): void {
    if (first && first.members > 0) tell(first, 'go');
  }
}

/** Behind all that have begun, or go before it. What has begun and comes again has begun as well. */
function placeFor({ number }: Arriving, lane: readonly Step[]): number {
  if (number === undefined) return lane.length;
  const higher = lane.findIndex(
    ({ arriving, turn, isYielding }) =>
      (isYielding || turn === undefined) && (arriving.number ?? -1) > number,
  );
  return higher < 0 ? lane.length : higher;
}

function isKeptFor({ id, redelivered }: Arriving, { arriving, members }: Step): boolean {
  if (members > 0) return false;
  return id === undefined ? redelivered && arriving.id === undefined : arriving.id === id;
}

function tell(step: Step, turn: Turn): void {
  if (step.turn) return;
  step.turn = turn;
  step.isYielding = false;
  for (const waiting of step.waiting.splice(0)) waiting(turn);
}
