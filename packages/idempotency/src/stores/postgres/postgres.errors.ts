import { StatementError } from '../sql/statement-error.js';

export class PostgresStatementError extends StatementError {
  override readonly name = 'PostgresStatementError';

  constructor(error: unknown) {
    super(error);
  }
}
