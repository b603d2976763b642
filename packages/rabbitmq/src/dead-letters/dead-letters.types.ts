import type { Duration } from '@acme/nest-message-context/kit';
import type { DeadLetterFilter } from '../core/dead-letter-filter.js';
import type { DeadLetterGroup } from '../core/dead-letter-groups.js';
import type { ExportedMessage } from '../core/exported-message.js';
import type { ParkedMessage } from '../core/parked-message.js';
import type { AmqpTakingConnectionLike } from '../publisher/amqp-like.js';

/** Options of `new DeadLetters()`. */
export interface DeadLettersOptions {
  /** Opens a connection, for one call alone: `() => amqplib.connect(url)`. It is closed again. */
  readonly connect: () => PromiseLike<AmqpTakingConnectionLike>;
  /**
   * How long each answer of the broker may take.
   * @default '10s'
   */
  readonly timeout?: Duration | undefined;
}

/** Which messages are looked at. */
export interface LookOptions {
  /** @default all messages */
  readonly filter?: DeadLetterFilter | undefined;
  /**
   * Looks at so many at most, matching or not, the oldest first. Of those behind only the number is told.
   * @default 10000
   */
  readonly scan?: number | undefined;
}

/** Options of `list()`. */
export interface ListOptions extends LookOptions {
  /**
   * Shows so many at most.
   * @default 100
   */
  readonly limit?: number | undefined;
}

/** Options of `peek()`. */
export interface PeekOptions extends LookOptions {
  /**
   * Shows so many at most; and no more than have 64 MiB together.
   * @default 1
   */
  readonly limit?: number | undefined;
}

/** What every look tells. */
export interface Look {
  readonly queue: string;
  /** Messages that were ready when it began. What a consumer or another look held then is not among them. */
  readonly ready: number;
  /** Who consumes the queue: above 0, messages come and go while one looks. */
  readonly consumers: number;
  /** Messages that were looked at. */
  readonly looked: number;
  /** Messages behind them that were not. */
  readonly left: number;
}

/** What `list()` tells. */
export interface DeadLetterList extends Look {
  readonly messages: readonly ParkedMessage[];
  /** Further ones that matched. */
  readonly more: number;
}

/** A parked message with everything that it has. */
export interface ParkedMessageInFull extends ParkedMessage {
  /** How it came to the dead-letter queue. */
  readonly exchange: string;
  readonly routingKey: string;
  /** As amqplib gives them, `headers` among them. */
  readonly properties: Readonly<Record<string, unknown>>;
  /** Text where the bytes are UTF-8, else base64. */
  readonly body: string;
  readonly bodyEncoding: ExportedMessage['bodyEncoding'];
}

/** What `peek()` tells. */
export interface DeadLetterPeek extends Look {
  readonly messages: readonly ParkedMessageInFull[];
  /** Whether there may be further ones that match: it looks no further than it has to. */
  readonly more: boolean;
}

/** What `groups()` tells. */
export interface DeadLetterGroups extends Look {
  /** The largest first, at most 1,000. */
  readonly groups: readonly DeadLetterGroup[];
  /** Messages of still other groups. */
  readonly ungrouped: number;
}

/** How far a run is. */
export interface DeadLetterProgress {
  readonly ready: number;
  readonly looked: number;
  /** Redriven, purged. */
  readonly done: number;
}

/** What runs that take messages away have in common. */
export interface RunOptions extends Omit<LookOptions, 'scan'> {
  /**
   * Looks at so many at most, matching or not.
   * @default all that were ready when it began
   */
  readonly scan?: number | undefined;
  /**
   * Takes so many at most.
   * @default all that match
   */
  readonly limit?: number | undefined;
  /**
   * Only says what would be done.
   * @default false
   */
  readonly dryRun?: boolean | undefined;
  /** Told after each message that was looked at, and each that was brought back. */
  readonly onProgress?: ((progress: DeadLetterProgress) => void) | undefined;
  /** Ends the run early: what is under way is finished, the rest given back. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `redrive()`. */
export interface RedriveOptions extends RunOptions {
  /**
   * The queue that they go to.
   * @default the queue that each failed in
   */
  readonly to?: string | undefined;
  /**
   * Messages a second.
   * @default as fast as it goes
   */
  readonly rate?: number | undefined;
  /**
   * Leaves out what was brought back so often and failed again: the cause is not mended.
   * @default 3
   */
  readonly maxRedrives?: number | undefined;
  /**
   * Takes those as well.
   * @default false
   */
  readonly force?: boolean | undefined;
  /** `id` of a run that was interrupted: what that one has brought back, and failed again meanwhile, is left out. */
  readonly resume?: string | undefined;
}

/** Options of `purge()`. */
export interface PurgeOptions extends RunOptions {
  /**
   * Throws everything away, also what comes in meanwhile. Wanted where there is no filter; cannot be undone.
   * @default false
   */
  readonly all?: boolean | undefined;
}

/** Options of `export()`. */
export type ExportOptions = Omit<RunOptions, 'dryRun'>;

/** Why a run has ended. */
export type RunEnd =
  /** It has seen all that was there. */
  | 'done'
  /** By `limit`. */
  | 'limit'
  /** By `scan`. */
  | 'scan'
  /** By `signal`, or because the application shut down. */
  | 'stopped';

/** What was left in the dead-letter queue, by reason. */
export interface RedriveLeft {
  /** Not what the filter asks for. */
  readonly unmatched: number;
  /** Brought back by this run, and failed again meanwhile. */
  readonly cameBack: number;
  /** Brought back `maxRedrives` times before. */
  readonly tooOften: number;
  /** Nothing says which queue it failed in: give `to`. */
  readonly withoutOrigin: number;
  /** Could not be published; see `failures`. */
  readonly failed: number;
}

/** Why messages could not be brought to a queue. */
export type RedriveFailureReason =
  /** It is not there. */
  | 'NO_QUEUE'
  /** The broker has refused them for now: the queue is full, or has no leader. */
  | 'REFUSED'
  /** The broker was lost before it has confirmed them. They may be in both queues. */
  | 'UNCONFIRMED'
  /** Their headers leave no room in 64 KiB for the little that is added. */
  | 'HEADERS_TOO_LARGE';

/** Messages that could not be brought to a queue, for one reason. */
export interface RedriveFailure {
  readonly queue: string;
  readonly reason: RedriveFailureReason;
  readonly count: number;
  /** What the broker said of the first one. */
  readonly message: string;
}

/** What `redrive()` has done. */
export interface RedriveReport {
  /** Of this run: in `x-redrive-id` of what it has brought back, and to go on with as `resume`. */
  readonly id: string;
  readonly queue: string;
  readonly dryRun: boolean;
  /** Messages that were ready when it began; no more are taken. */
  readonly ready: number;
  readonly looked: number;
  /** Brought back; in a dry run: that would be. */
  readonly redriven: number;
  /** The same by the queue that they went to. */
  readonly to: Readonly<Record<string, number>>;
  readonly left: RedriveLeft;
  readonly failures: readonly RedriveFailure[];
  /** The first of those brought back, at most 10. */
  readonly sample: readonly ParkedMessage[];
  readonly end: RunEnd;
}

/** What `purge()` has done. */
export interface PurgeReport {
  readonly queue: string;
  readonly dryRun: boolean;
  readonly ready: number;
  readonly looked: number;
  /** Thrown away; in a dry run: that would be. */
  readonly purged: number;
  readonly unmatched: number;
  readonly sample: readonly ParkedMessage[];
  readonly end: RunEnd;
}
