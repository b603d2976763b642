import type { Duration } from '@acme/nest-message-context/kit';
import type { GrpcCodeName } from '../core/codes.js';
import type { GrpcFailure } from '../core/failure.js';

/** How errors of one class are answered. */
export interface GrpcErrorRule<E = unknown> {
  readonly code: Exclude<GrpcCodeName, 'OK'>;
  /** Stable UPPER_SNAKE, by which callers tell it from others of its code. @default the name of the class: OrderNotFoundError → ORDER_NOT_FOUND */
  readonly reason?: string;
  /** What callers read. @default the error's own message */
  readonly message?: string | ((error: E) => string);
  /**
   * Facts that travel with it, as texts: names of its properties, or a function. The caller's copy of the class has them again.
   * Keys are published once and for all.
   */
  readonly metadata?:
    readonly (keyof E & string)[] | ((error: E) => Readonly<Record<string, unknown>>);
  /** When another attempt makes sense: becomes RetryInfo. */
  readonly retryAfter?: Duration | ((error: E) => Duration | undefined);
  /** More of the standard details. */
  readonly details?: (error: E) => GrpcFailure['details'];
}
