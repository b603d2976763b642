import type { ParkedMessage } from './parked-message.js';

/** What failed for one bug. */
export interface DeadLetterGroup {
  readonly fingerprint: string;
  readonly count: number;
  readonly code: string;
  readonly errorName: string | undefined;
  readonly errorMessage: string | undefined;
  /** Unix milliseconds; undefined where no message says when. */
  readonly firstFailedAt: number | undefined;
  /** Unix milliseconds. */
  readonly lastFailedAt: number | undefined;
  /** How many failed in which queue; those of which that is not known are left out. At most 20 queues. */
  readonly queues: Readonly<Record<string, number>>;
  /** How many were brought back before, and failed again. */
  readonly redriven: number;
  /** Its oldest message; the error above is its. */
  readonly sample: ParkedMessage;
}

type Growing = { -readonly [Name in keyof DeadLetterGroup]: DeadLetterGroup[Name] } & {
  queues: Record<string, number>;
};

const MOST_QUEUES = 20;

/** Sorts messages by bug, keeping one of each. */
export class GroupTally {
  readonly #groups = new Map<string, Growing>();
  #ungrouped = 0;

  /** @param most groups beyond which there is only a count */
  constructor(private readonly most: number) {}

  add(message: ParkedMessage): void {
    const group = this.#groups.get(message.fingerprint) ?? this.#begin(message);
    if (!group) {
      this.#ungrouped += 1;
      return;
    }
    group.count += 1;
    group.firstFailedAt = extreme(Math.min, group.firstFailedAt, message.firstFailedAt);
    group.lastFailedAt = extreme(Math.max, group.lastFailedAt, message.lastFailedAt);
    if (message.redriveCount > 0) group.redriven += 1;
    const { queues } = group;
    const queue = message.origin?.queue;
    if (queue === undefined) return;
    if (!Object.hasOwn(queues, queue) && Object.keys(queues).length >= MOST_QUEUES) return;
    // A queue may have any name, also "__proto__".
    Object.defineProperty(queues, queue, {
      value: (Object.hasOwn(queues, queue) ? (queues[queue] as number) : 0) + 1,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }

  /** The largest first. */
  get groups(): DeadLetterGroup[] {
    return [...this.#groups.values()].toSorted((one, other) => other.count - one.count);
  }

  /** Messages of still other groups. */
  get ungrouped(): number {
    return this.#ungrouped;
  }

  #begin(sample: ParkedMessage): Growing | undefined {
    if (this.#groups.size >= this.most) return undefined;
    const { fingerprint, code, errorName, errorMessage } = sample;
    const group: Growing = {
      fingerprint,
      count: 0,
      code,
      errorName,
      errorMessage,
      firstFailedAt: undefined,
      lastFailedAt: undefined,
      queues: {},
      redriven: 0,
      sample,
    };
    this.#groups.set(fingerprint, group);
    return group;
  }
}

function extreme(
  of: (one: number, other: number) => number,
  one: number | undefined,
  other: number | undefined,
): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : of(one, other);
}
