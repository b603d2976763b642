/** Time and chance, so that tests can hold them. */
export interface Runtime {
  /** Milliseconds, of a clock that never goes back. */
  now(): number;
  /** Resolves after `ms` milliseconds; `stop` gives the timer back. */
  sleep(ms: number): { readonly done: Promise<void>; stop(): void };
  /** Calls `run` every `ms` milliseconds until the returned function is called. Never keeps a process alive. */
  every(ms: number, run: () => void): () => void;
  /** From 0 to less than 1. */
  random(): number;
  /** Another one every time, and not to be guessed. */
  token(): string;
}
