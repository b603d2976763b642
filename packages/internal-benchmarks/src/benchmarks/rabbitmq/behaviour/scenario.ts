import type { ContestantName } from './contestants.js';
import type { Account } from './ledger.js';
import type { Stage, StageSettings } from './stage.js';

/** What is seen besides where the messages are in the end. */
interface Seen {
  /** From the end of what went wrong to the next message that is handled; null: it never was. */
  readonly recoveryMs?: number | null;
  readonly reordered?: number;
  /** Messages that a second process began, too. */
  readonly begunAgain?: number;
  /** What else there is to tell. */
  readonly note?: string;
}

export interface Outcome extends Account, Seen {
  /** Processes that ended without being told to; each was started again. */
  readonly crashes: number;
}

/** The broker that they are on. */
export interface Broker {
  readonly url: string;
  restart(): Promise<void>;
}

/** What all have in common that are on stage at the same time. */
export interface Company {
  readonly broker: Broker;
  /** Does something once, when everybody has come to this point; resolves for each when it is done. */
  together(work: () => Promise<void>): Promise<void>;
}

/** Something that goes wrong. */
export interface Scenario {
  readonly title: string;
  /** Also in CI's form. */
  readonly isShort: boolean;
  readonly settings?: StageSettings;
  /** Where messages end up is no matter here. */
  readonly isCounted?: boolean;
  play(stage: Stage, company: Company): Promise<Seen>;
  /** What ours has to show; left out where nothing is promised yet. */
  readonly expected?: (outcome: Outcome, name: ContestantName) => boolean | null;
  /** Why somebody does not take part. */
  readonly without?: Partial<Record<ContestantName, string>>;
}
