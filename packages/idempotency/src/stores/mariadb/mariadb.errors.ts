import { mysqlErrnoOf } from '@acme/nest-transaction';
import { innermostOf, StatementError } from '../sql/statement-error.js';

/** With the number of the server's error, for those that share a SQLSTATE. */
export class MariaDbStatementError extends StatementError {
  override readonly name = 'MariaDbStatementError';
  readonly errno: number | undefined;

  constructor(error: unknown) {
    const errno = mysqlErrnoOf(error);
    super(error, errno === undefined ? undefined : (innermostOf(error)['sqlState'] as string));
    this.errno = errno;
  }
}
