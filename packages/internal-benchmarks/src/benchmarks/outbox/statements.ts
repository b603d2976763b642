import type pg from 'pg';

/** A statement as it was sent. */
export interface Sent {
  readonly text: string;
  /** From sending it to its answer. */
  readonly ms: number;
}

/** Sees every statement of the pool from now on, whoever sends it: replaces the idle connections by watched ones. */
export async function recordStatements(pool: pg.Pool): Promise<Sent[]> {
  const sent: Sent[] = [];
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      const [first] = args as [string | { text: string }];
      const text = typeof first === 'string' ? first : first.text;
      const before = performance.now();
      const answered = (): void => void sent.push({ text, ms: performance.now() - before });
      const callback = args.at(-1);
      // The pool's own query() passes one.
      if (typeof callback === 'function') {
        return query(...args.slice(0, -1), (...answer: unknown[]) => {
          answered();
          (callback as (...given: unknown[]) => void)(...answer);
        });
      }
      return (query(...args) as Promise<unknown>).then((answer) => {
        answered();
        return answer;
      });
    }) as typeof client.query;
  });
  const idle = await Promise.all(Array.from({ length: pool.idleCount }, () => pool.connect()));
  for (const client of idle) client.release(true);
  return sent;
}
