/**
 * Sends `count` messages, `window` of them on their way at once: a next one for every confirm. Resolves with the last of them;
 * rejects with the first error.
 */
export function inWindow(
  { count, window }: { readonly count: number; readonly window: number },
  send: (index: number, done: (error: unknown) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let confirmed = 0;
    const next = (): void =>
      send(sent++, (error) => {
        if (error) return reject(new Error('The broker refused a message.', { cause: error }));
        confirmed += 1;
        if (confirmed === count) resolve();
        else if (sent < count) next();
      });
    while (sent < Math.min(window, count)) next();
  });
}
