/**
 * How processes tell one another that something was added. A hint, nothing more: the relay polls underneath, so any may be
 * lost, come twice or come for nothing. No hint is part of a business transaction.
 */
export interface WakeUps {
  /** Tells all who listen, in a statement of its own. A rejection loses this one hint. */
  tell(): Promise<void>;
  /** Listens until it is closed, reconnecting by itself; never throws. */
  listen(events: WakeUpEvents): WakeUpListener;
}

/** What somebody who listens has to tell. */
export interface WakeUpEvents {
  /** Something may have been added. Also called after every connect: hints may have been lost before it. */
  heard(): void;
  /** Nothing is heard, and why. Called once, until `restored` or another reason. */
  deaf(reason: Error): void;
  /** What is told arrives again. */
  restored(): void;
}

/** An open ear. */
export interface WakeUpListener {
  /** Resolves when its connection is closed, or soon after where the server does not answer. */
  close(): Promise<void>;
}
