/**
 * Ends work early at the first Ctrl-C or SIGTERM, in good order; the second one ends the process as it does everywhere.
 */
export async function interruptibly<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = (): void => {
    stop.abort();
    leave();
  };
  const leave = (): void => {
    for (const name of SIGNALS) process.removeListener(name, onSignal);
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  try {
    return await work(stop.signal);
  } finally {
    leave();
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
