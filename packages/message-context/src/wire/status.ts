import { readSafely } from '../read-safely.js';

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
  /** Whether the same message can only fail again, where `http` does not say so: ABORTED is 409, and may be tried again. */
  readonly isFinal?: boolean | undefined;
}

/** The status an error carries, or undefined. Never throws, whatever was thrown. */
export function statusOf(error: unknown): ErrorStatus | undefined {
  const status = readSafely(error, STATUS);
  const http = readSafely(status, 'http');
  const grpc = readSafely(status, 'grpc');
  const reason = readSafely(status, 'reason');
  if (typeof http !== 'number' || typeof grpc !== 'number' || typeof reason !== 'string')
    return undefined;
  const retryAfterMs = readSafely(status, 'retryAfterMs');
  const isFinal = readSafely(status, 'isFinal');
  return {
    http,
    grpc,
    reason,
    ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 && { retryAfterMs }),
    ...(typeof isFinal === 'boolean' && { isFinal }),
  };
}

/**
 * Key under which an error may carry what an RPC caller (gRPC or Nest's own transports) is answered, word for word; it goes
 * before `STATUS`. For errors that repeat an answer which was given before.
 */
export const RPC_ANSWER: unique symbol = Symbol.for(
  '@acme/nest-message-context:rpc-answer',
) as never;
