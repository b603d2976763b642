/** Connection settings as nearly every driver takes them. */
export interface Address {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Startup options of PostgreSQL, which set the search path; empty where there are none. */
  readonly options: string;
}

/** What a URL says, in pieces, for drivers that take none. */
export function addressOf(text: string): Address {
  const url = new URL(text);
  return {
    url: text,
    host: url.hostname,
    port: Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    options: url.searchParams.get('options') ?? '',
  };
}
