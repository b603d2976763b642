import { sqlOf, type SqlDialect, type SqlExecutor } from '@acme/nest-transaction';
import { textOf } from '../../core/text-of.js';
import { unknownOptions } from '../../core/unknown-options.js';

/** A name that needs no thought about quoting, with room for what is appended to it. */
const NAME = /^[a-z_][a-z0-9_]{0,47}$/;

/** What is wrong where a pool stands in the place of the options, as it does with a store in Redis. */
export function problemsOfOptions(
  store: string,
  options: object,
  known: readonly string[],
): string[] {
  const isPool = ['query', 'execute', 'getConnection'].some(
    (method) => typeof (options as Record<string, unknown>)[method] === 'function',
  );
  return isPool
    ? [`${store}: this is a pool. Give it by name: new ${store}({ database: pool }).`]
    : unknownOptions(options, known);
}

/** What is wrong with names of schemas and tables. */
export const problemsOfNames = (store: string, names: Readonly<Record<string, string>>): string[] =>
  Object.entries(names).flatMap(([option, name]) =>
    NAME.test(name)
      ? []
      : [
          `${store} ${option}: ${JSON.stringify(name)} cannot be used. Give 1 to 48 lower-case letters, digits and underscores.`,
        ],
  );

/** SQL on what was given as `database`; what is wrong with it is added to the problems. */
export function executorOf(
  store: string,
  dialect: SqlDialect,
  database: unknown,
  problems: string[],
): SqlExecutor | undefined {
  if (database === undefined) return undefined;
  try {
    const executor = isExecutor(database) ? database : sqlOf(database);
    if (executor.dialect === dialect) return executor;
    problems.push(
      `${store} database: it speaks "${executor.dialect}". Give a pool of a "${dialect}" database, or the store of that one.`,
    );
  } catch (error) {
    problems.push(`${store} database: ${textOf(error)}`);
  }
  return undefined;
}

function isExecutor(value: unknown): value is SqlExecutor {
  const like = value as Partial<SqlExecutor> | null;
  return (
    typeof like === 'object' &&
    typeof like?.query === 'function' &&
    typeof like.dialect === 'string'
  );
}
