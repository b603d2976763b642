/** Settles as `work` does, or rejects after `ms`. What becomes of `work` then is nobody's business. */
export async function within<T>(
  ms: number,
  work: PromiseLike<T>,
  timedOut: () => Error,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(timedOut()), ms);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
