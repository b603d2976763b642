import pg from 'pg';

/** The services that own tables. */
const OWNERS = ['orders', 'billing', 'notifications'] as const;
export type Owner = (typeof OWNERS)[number];

/** A schema for each service that has tables, in the PostgreSQL that the demo was given. */
export class Databases {
  /** For looking from outside; names tables with their schema. */
  readonly pool: pg.Pool;

  constructor(
    private readonly serverUrl: string,
    private readonly run: string,
  ) {
    this.pool = new pg.Pool({ connectionString: serverUrl, max: 4 });
    this.pool.on('error', () => {});
  }

  schema(owner: Owner): string {
    return `${this.run}_${owner}`;
  }

  /** What to tell a service; it creates its schema by itself. */
  env(owner: Owner): Record<'DATABASE_URL' | 'DATABASE_SCHEMA', string> {
    return { DATABASE_URL: this.serverUrl, DATABASE_SCHEMA: this.schema(owner) };
  }

  /** Drops the schemas. All services must have ended: an open transaction would block it. */
  async drop(): Promise<void> {
    for (const owner of OWNERS) {
      await this.pool.query(
        `set lock_timeout = '10s'; drop schema if exists ${this.schema(owner)} cascade`,
      );
    }
    await this.pool.end();
  }
}
