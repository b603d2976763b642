import type { Answer } from '../http-app.js';
import type { Ground } from '../ground.js';

/** What was observed. */
export interface Observation {
  readonly peerResult: string;
  readonly ours: string;
  readonly ok: boolean;
}

/** One defect of a peer, as something that can be run. */
export interface Scenario {
  /**
   * `6.1 n`: row n of the peers' defects in the research; `1a`: of its feature table; `3.1 n`: of the seed document's snippet;
   * `W n`: of the official package's weak spots, run on a peer that shares them.
   */
  readonly id: string;
  readonly defect: string;
  readonly peer: string;
  readonly observe: (ground: Ground) => Promise<Observation>;
}

export const NODE_IDEMPOTENCY = '@node-idempotency/nestjs';
export const POWERTOOLS = '@aws-lambda-powertools/idempotency';
export const EXPRESS_IDEMPOTENCY = 'express-idempotency';
export const SNIPPET = 'seed snippet';

/** `201 replayed, 1 run`. */
export const shown = ({ status, replayed }: Answer, runs: number): string =>
  `${status}${replayed ? ' replayed' : ''}, ${ranTimes(runs)}`;

export const isSuccess = ({ status }: Answer): boolean => status >= 200 && status < 300;

/** A promise that is kept when somebody opens it. */
export class Gate {
  readonly opened: Promise<void>;
  #open!: () => void;

  constructor() {
    this.opened = new Promise((done) => (this.#open = done));
  }

  open(): void {
    this.#open();
  }
}

/** What a call came to, in a word: its result, or the code, the name or the text of its error. */
export const outcomeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    (value) => JSON.stringify(value) ?? 'undefined',
    (error: unknown) => {
      const { code, name, message } = error as { code?: unknown; name?: string; message: string };
      return typeof code === 'string' ? code : (name ?? message);
    },
  );

export const ranTimes = (runs: number): string => `${runs} run${runs === 1 ? '' : 's'}`;

/** The result of the work, once what it needed is closed. */
export async function thenClose<T>(work: Promise<T>, close: () => Promise<void>): Promise<T> {
  try {
    return await work;
  } finally {
    await close();
  }
}
