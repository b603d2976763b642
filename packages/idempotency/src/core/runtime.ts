/** Time and chance, so that tests can hold them. */
export interface Runtime {
  /** Milliseconds, of a clock that never goes back. */
  now(): number;
  /** Calls `run` after `ms` milliseconds, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
  /** Calls `run` every `ms` milliseconds until the returned function is called. Never keeps a process alive. */
  every(ms: number, run: () => void): () => void;
  /** From 0 to less than 1. */
  random(): number;
  /** Another one every time, and not to be guessed. */
  token(): string;
}

/** Resolves after `ms` milliseconds; `stop` gives the timer back. */
export function sleep(
  runtime: Runtime,
  ms: number,
): { readonly done: Promise<void>; stop(): void } {
  let stop!: () => void;
  const done = new Promise<void>((resolve) => (stop = runtime.after(ms, resolve)));
  return { done, stop };
}
