import { sqlStateOf } from '@acme/nest-transaction';

/** Names under which libraries keep the driver's error inside their own. */
const WITHIN = ['cause', 'driverError', 'original', 'parent'] as const;

type Fields = Readonly<Record<string, unknown>>;

/**
 * A statement of the store failed. It has the code and the SQLSTATE of the driver's error, but neither that error nor its
 * text: libraries put statement and parameters into it, and with them the reply that was to be stored.
 */
export abstract class StatementError extends Error {
  readonly code: string | undefined;
  readonly sqlState: string | undefined;

  protected constructor(error: unknown, sqlState: string | undefined = sqlStateOf(error)) {
    const innermost = innermostOf(error);
    super(plainTextOf(innermost));
    const { code } = innermost;
    this.code = typeof code === 'string' ? code : undefined;
    this.sqlState = sqlState;
  }
}

export function innermostOf(error: unknown, depth = 5): Fields {
  const fields = (typeof error === 'object' && error !== null ? error : {}) as Fields;
  const within = WITHIN.map((key) => fields[key]).find(
    (one) => typeof one === 'object' && one !== null,
  );
  return within === undefined || depth === 0 ? fields : innermostOf(within, depth - 1);
}

/** What the server said; else what has one line, since Knex puts the statement in front, and the others after it. */
function plainTextOf({ sqlMessage, message, code }: Fields): string {
  const isText = (one: unknown): one is string => typeof one === 'string' && one !== '';
  const texts = [sqlMessage, message].filter((one) => isText(one) && !one.includes('\n'));
  return [...texts, code].find(isText) ?? 'the statement failed';
}
