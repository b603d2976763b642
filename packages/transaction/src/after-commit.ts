/** What is called once after the commit. */
export type AfterCommit = () => void | Promise<void>;

/**
 * Calls one after the other; an error in one is handed to `onError` and does not stop the others. Undefined when all are done:
 * most are hints that are done at once, and need not cost every transaction a promise.
 */
export function callInTurn(
  callbacks: readonly AfterCommit[],
  onError: (error: unknown) => void,
): Promise<void> | undefined {
  for (const [index, callback] of callbacks.entries()) {
    const unfinished = begun(callback, onError);
    if (unfinished) return afterThat(unfinished, callbacks.slice(index + 1), onError);
  }
  return undefined;
}

async function afterThat(
  unfinished: Promise<void>,
  callbacks: readonly AfterCommit[],
  onError: (error: unknown) => void,
): Promise<void> {
  await unfinished;
  for (const callback of callbacks) {
    const pending = begun(callback, onError);
    if (pending) await pending;
  }
}

function begun(
  callback: AfterCommit,
  onError: (error: unknown) => void,
): Promise<void> | undefined {
  try {
    const pending = callback();
    return pending === undefined ? undefined : Promise.resolve(pending).catch(onError);
  } catch (error) {
    onError(error);
    return undefined;
  }
}
