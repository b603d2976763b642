import { PrivateServer } from './private-server.js';
import { pgBouncer } from './servers/pgbouncer.js';
import { installed } from './start-private.js';

/** What stands behind a PgBouncer, and how many connections it may have. */
export interface StartPgBouncerOptions {
  /** Address of the PostgreSQL server; settings in its `options` (the schema of `testDatabase()`) hold on every connection. */
  readonly upstream: string;
  /**
   * Connections to the server, at most. Small, so that a test's clients really share them.
   * @default 2
   */
  readonly poolSize?: number;
  /** Further settings, in PgBouncer's own words: `{ query_wait_timeout: '1' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Starts a PgBouncer in transaction mode: a connection to the server is a client's for one transaction only. Any login may
 * use it. From the installed binary, which apt-get installs when we are root.
 *
 * Rejects with `PRIVATE_SERVER_UNAVAILABLE` when there is none and none can be installed.
 */
export async function startPgBouncer(options: StartPgBouncerOptions): Promise<PrivateServer> {
  const { upstream, poolSize = 2, settings } = options;
  const kind = pgBouncer(upstream);
  return PrivateServer.start(kind, await installed(kind), {
    default_pool_size: String(poolSize),
    ...settings,
  });
}
