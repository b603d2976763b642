import pg from 'pg';

/** The services that own tables. */
export const owners = ['orders', 'billing', 'notifications'] as const;
export type Owner = (typeof owners)[number];

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

  /** The address to give to a service: whatever it names lands in its own schema. */
  url(owner: Owner): string {
    const url = new URL(this.serverUrl);
    const options = [url.searchParams.get('options'), `-c search_path=${this.schema(owner)}`];
    url.searchParams.set('options', options.filter(Boolean).join(' '));
    // PostgreSQL's own clients do not read `+` as a space.
    return url.href.replaceAll('+', '%20');
  }

  async create(): Promise<void> {
    for (const owner of owners) await this.pool.query(`create schema ${this.schema(owner)}`);
  }

  /** Drops the schemas. All services must have ended: an open transaction would block it. */
  async drop(): Promise<void> {
    for (const owner of owners) {
      await this.pool.query(
        `set lock_timeout = '10s'; drop schema if exists ${this.schema(owner)} cascade`,
      );
    }
    await this.pool.end();
  }
}
