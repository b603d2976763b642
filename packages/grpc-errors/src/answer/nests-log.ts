import { MessageContext } from '@acme/nest-message-context';
import { BaseRpcExceptionFilter } from '@nestjs/microservices';

const QUIET = Symbol.for('@acme/nest-grpc-errors:quiet');

type NestsLogger = Record<symbol, unknown> & { error(...words: unknown[]): void };

/**
 * Nest writes down what its filter does not know, with its stack, as loud as it can: also what the application throws on purpose and what this
 * package has told of in one line. It need not for calls that are answered here; everywhere else it goes on.
 */
export function quietNest(): void {
  const { logger } = BaseRpcExceptionFilter as unknown as { readonly logger?: NestsLogger };
  // Of some later Nest perhaps: then there are two lines.
  if (typeof logger?.error !== 'function' || logger[QUIET]) return;
  const error = logger.error.bind(logger);
  logger[QUIET] = true;
  logger.error = (...words) => {
    if (!MessageContext.current()?.message.isTold) error(...words);
  };
}
