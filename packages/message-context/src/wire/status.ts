/** Key under which any error may say how it wants to be answered. */
export const STATUS: unique symbol = Symbol.for('@acme/nest-message-context:status') as never;

/** How an error wants to be answered, per transport, when nothing else maps it. */
export interface ErrorStatus {
  /** HTTP status code, 400–599. */
  readonly http: number;
  /** gRPC status code, 1–16. */
  readonly grpc: number;
  /** Milliseconds after which a retry makes sense; becomes `Retry-After`, RetryInfo or a pushback. */
  readonly retryAfterMs?: number | undefined;
  /** Stable UPPER_SNAKE reason, the same on every transport. */
  readonly reason: string;
}

/** The status an error carries, or undefined. Never throws, whatever was thrown. */
export function statusOf(error: unknown): ErrorStatus | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const status = (error as Record<symbol, unknown>)[STATUS];
  return isStatus(status) ? status : undefined;
}

function isStatus(value: unknown): value is ErrorStatus {
  if (typeof value !== 'object' || value === null) return false;
  const { http, grpc, reason } = value as Partial<ErrorStatus>;
  return typeof http === 'number' && typeof grpc === 'number' && typeof reason === 'string';
}
