import { usageError } from './cli.errors.js';

/** How the stores of one kind of URL are opened, as far as it is the same in every program. */
export interface SchemeLike {
  /** Options that say how a store is named in its database. */
  readonly options: readonly string[];
  /** Makes a store that knows its SQL and no database; missing where there is no SQL. */
  readonly unconnected?: unknown;
}

/** By what `--url` may begin with. */
export type Schemes<Scheme extends SchemeLike> = Readonly<Record<string, Scheme>>;

/**
 * Checks that the store is named in one way, with options that fit. Returns how to open `--url`; undefined with `--config`.
 *
 * @param options all that say how some store is named in its database
 * @param place what people call it
 * @throws {CliError} when it is named wrongly
 */
export function sourceOf<Scheme extends SchemeLike>(
  values: { readonly url?: string | undefined; readonly config?: string | undefined },
  schemes: Schemes<Scheme>,
  options: readonly string[],
  place = 'store',
): Scheme | undefined {
  const { url, config } = values;
  if ((url === undefined) === (config === undefined))
    throw usageError(
      `Say where the ${place} is, in one way: --url ${beginnings(schemes)}…, or --config file.mjs.`,
    );
  const scheme = url === undefined ? undefined : schemeOf(schemes, url);
  const unfit = options.find(
    (name) =>
      (values as Record<string, unknown>)[name] !== undefined && !scheme?.options.includes(name),
  );
  if (unfit !== undefined)
    throw usageError(
      scheme
        ? `--${unfit} says nothing to this ${place}${has(scheme)}.`
        : `--${unfit} goes with --url. With --config the file opens the ${place} as it has to be.`,
    );
  return scheme;
}

const has = ({ options }: SchemeLike): string =>
  options.length === 0 ? '' : `; it has ${options.map((name) => `--${name}`).join(' and ')}`;

/** How to open this URL. @throws {CliError} when nobody knows it */
export function schemeOf<Scheme extends SchemeLike>(schemes: Schemes<Scheme>, url: string): Scheme {
  const name = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  const scheme = name === undefined ? undefined : named(schemes, name);
  if (scheme) return scheme;
  throw usageError(
    `--url: ${name === undefined ? 'this is no URL' : `${name}:// is not known`}. Give one that begins with ${beginnings(schemes)}, or another by --config.`,
  );
}

/** The kind of database of `--dialect`. @throws {CliError} when it has no SQL */
export function dialectOf<Scheme extends SchemeLike>(
  schemes: Schemes<Scheme>,
  name: string,
): Scheme {
  const scheme = named(schemes, name);
  if (scheme?.unconnected) return scheme;
  throw usageError(
    `--dialect: ${JSON.stringify(name)} is not known. There are ${dialects(schemes).join(', ')}.`,
  );
}

/**
 * The kind of database that `sql` is asked for; undefined when the file of `--config` knows it.
 *
 * @throws {CliError} unless it is said in one way
 */
export function dialectAsked<Scheme extends SchemeLike>(
  values: {
    readonly url?: string | undefined;
    readonly config?: string | undefined;
    readonly dialect?: string | undefined;
  },
  schemes: Schemes<Scheme>,
): Scheme | undefined {
  const { dialect, url, config } = values;
  if ([dialect, url, config].filter((value) => value !== undefined).length !== 1)
    throw usageError(
      `Say for which database, in one way: --dialect ${dialects(schemes).join(' or ')}, --url or --config.`,
    );
  if (dialect !== undefined) return dialectOf(schemes, dialect);
  return url === undefined ? undefined : schemeOf(schemes, url);
}

/** One name for each. */
const dialects = (schemes: Schemes<SchemeLike>): string[] =>
  Object.keys(schemes).filter(
    (one, index, all) =>
      schemes[one]?.unconnected &&
      all.findIndex((other) => schemes[other] === schemes[one]) === index,
  );

const beginnings = (schemes: Schemes<SchemeLike>): string =>
  Object.keys(schemes)
    .map((one) => `${one}://`)
    .join(', ');

const named = <Scheme extends SchemeLike>(
  schemes: Schemes<Scheme>,
  name: string,
): Scheme | undefined => (Object.hasOwn(schemes, name) ? schemes[name] : undefined);
