import { EXIT, textOf, type Explanation } from '@acme/nest-message-context/cli';
import { isIdempotencyError, type IdempotencyConfigurationError } from '../idempotency.errors.js';

/** What this program knows of an error besides its text. */
export function explainOwn(error: unknown): Explanation | undefined {
  if (isIdempotencyError(error, 'IDEMPOTENCY_CONFIGURATION')) {
    const { code, problems } = error as IdempotencyConfigurationError;
    return { exit: EXIT.usage, code, message: problems.join('\n') };
  }
  const message = textOf(error);
  if (!/^MOVED \d/.test(message)) return undefined;
  return {
    exit: EXIT.failed,
    code: undefined,
    message: `This is a node of a Redis Cluster, which --url cannot reach as a whole (${message}). Give --config with a store on a cluster client.`,
  };
}
