/** Something that is not as it should be, and what to do. */
export interface OutboxFinding {
  /** Stable: `NO_RELAY`, `LAG`, `PARKED`, … */
  readonly code: string;
  /** `error`: messages do not leave, or not those they should. `warning`: they will not, or not at that speed, some day. */
  readonly severity: 'error' | 'warning';
  /** What is so. */
  readonly message: string;
  /** What to do. */
  readonly remedy: string;
  /** The same in figures, for programs. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** How far the tables are: the version in the database, 0 when there is none, and the one that this package needs. */
export interface TablesVersion {
  readonly found: number;
  readonly needed: number;
}

/** How two clocks differ. */
export interface ClockReading {
  /** Milliseconds by which this machine's clock is ahead of the database's; negative when it is behind. */
  readonly aheadMs: number;
  /** It may be so many milliseconds more or less. */
  readonly uncertaintyMs: number;
}

/** Lanes whose holder has neither renewed its lease nor given it back. */
export interface LapsedLease {
  readonly relay: string;
  readonly lanes: number;
  /** Since when the latest of them has run out. */
  readonly agoMs: number;
}

/** Where messages go, or should. */
export interface Route {
  /** Null: the publisher's own. */
  readonly exchange: string | null;
  readonly routingKey: string;
  readonly messages: number;
}

/**
 * What a store knows of itself, for the doctor to judge. Ages are measured by the database's clock. Counts may stop at
 * `COUNT_LIMIT`, and lists name the most frequent.
 */
export interface OutboxExamination {
  readonly clock: ClockReading;
  readonly lapsed: readonly LapsedLease[];
  /** Messages whose time came longer ago than was asked for. */
  readonly overdue: { readonly count: number; readonly oldestMs: number };
  /** Keys that are tried again, by why the first message of each has failed. */
  readonly blocked: readonly { readonly reason: string; readonly keys: number }[];
  /** Keys that wait until a parked message is redriven or discarded. */
  readonly awaitingParked: number;
  readonly parked: readonly {
    readonly reason: string;
    readonly type: string;
    readonly messages: number;
    readonly oldestMs: number;
  }[];
  /** Of parked and waiting messages for which no queue was bound. */
  readonly unroutable: readonly Route[];
  /** Exchanges that messages name, whatever table they are in. */
  readonly exchanges: readonly { readonly exchange: string; readonly messages: number }[];
  /** Age of the oldest kept message; undefined when none is kept. */
  readonly oldestPublishedMs: number | undefined;
  /** What only this kind of database has: indexes, vacuum or purge, transactions that hold others up, settings. */
  readonly findings: readonly OutboxFinding[];
}
