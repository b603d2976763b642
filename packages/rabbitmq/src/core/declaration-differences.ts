import { inequivalenceOf, valuesLike, type WrittenValue } from './inequivalence.js';

/**
 * A declaration in the broker's words: `durable`, `auto_delete`, `internal`, `type`, and the arguments by their names. What is
 * undefined is not there.
 */
export type DeclaredAs = Readonly<Record<string, unknown>>;

/** One thing that is declared otherwise than it is. */
export interface Difference {
  readonly argument: string;
  /** Undefined: none. */
  readonly wanted: unknown;
  /** Undefined: none. */
  readonly actual: unknown;
}

/** How what is there differs from a declaration. */
export interface Comparison {
  readonly differences: readonly Difference[];
  /** What the broker has said last where there may be more: it was not to be read, or could not be followed. */
  readonly unread: string | undefined;
  readonly vhost: string | undefined;
}

/**
 * Finds everything in which a declaration differs from what is there, one by one: the broker names only the first, so that one is then
 * declared as it is, until nothing differs any more.
 *
 * @param declare resolves with the words of the broker where it refuses, with undefined where it takes it
 */
export async function compareDeclaration(
  wanted: DeclaredAs,
  declare: (as: DeclaredAs) => Promise<string | undefined>,
): Promise<Comparison> {
  const differences = new Map<string, Difference>();
  const untried = new Map<string, unknown[]>();
  let tried = wanted;
  let vhost: string | undefined;
  for (;;) {
    const words = await declare(tried);
    const found = words === undefined ? undefined : inequivalenceOf(words);
    vhost ??= found?.vhost;
    const done = (): Comparison => ({
      // Brokers name them in orders of their own.
      differences: [...differences.values()].toSorted((one, other) =>
        one.argument.localeCompare(other.argument),
      ),
      unread: words,
      vhost,
    });
    if (!found) return done();
    const { argument, current } = found;
    const left = untried.get(argument) ?? valuesLike(found, wanted[argument]);
    untried.set(argument, left);
    const isFollowed = left.length > 0;
    const actual = isFollowed
      ? left.shift()
      : (textOf(current) ?? differences.get(argument)?.actual);
    differences.set(argument, { argument, wanted: wanted[argument], actual });
    if (!isFollowed) return done();
    tried = { ...tried, [argument]: actual };
  }
}

const textOf = (current: WrittenValue | 'none' | undefined): string | undefined =>
  typeof current === 'object' ? current.text : undefined;
