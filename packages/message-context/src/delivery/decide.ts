import { callSafely, readSafely, textOf } from '../read-safely.js';
import { statusOf } from '../wire/status.js';
import type { SettleDecision } from './decision.js';
import { signalOf } from './outcome-signals.js';

/** HTTP statuses in the 4xx range that another attempt may cure: timeout, too early, too many requests. */
const CURABLE_4XX = new Set([408, 425, 429]);

/** gRPC codes that say "not this request, however often": INVALID_ARGUMENT … as AIP-194 reads them. */
const FINAL_GRPC = new Set([3, 5, 6, 7, 9, 11, 12, 15, 16]);

/**
 * What becomes of a delivery whose handler failed with `error`, when nobody decided otherwise.
 *
 * Signals say it themselves. An error that blames the message (4xx, final gRPC status) is parked: it would fail again.
 * Everything else is retried, because losing a message is worse than trying it twice. Never throws.
 */
export function decisionFor(error: unknown): SettleDecision {
  const signal = signalOf(error);
  if (signal) return signal;
  const status = statusOf(error);
  const rpc = rpcPayloadOf(error);
  const http =
    status?.http ?? httpStatusOf(error) ?? numberIn(rpc, ['statusCode', 'status'], 400, 599);
  const grpc = status?.grpc ?? grpcStatusOf(error) ?? numberIn(rpc, ['code'], 1, 16);
  const unspecific = rpc !== undefined && http === undefined && grpc === undefined;
  if (unspecific || (status?.isFinal ?? blamesTheMessage(http, grpc))) {
    return {
      action: 'park',
      code: status?.reason ?? codeOf(error, http, grpc),
      reason: textOf(error),
    };
  }
  return { action: 'retry', afterMs: status?.retryAfterMs, countAttempt: true };
}

function blamesTheMessage(http: number | undefined, grpc: number | undefined): boolean {
  if (http !== undefined) return http >= 400 && http < 500 && !CURABLE_4XX.has(http);
  return grpc !== undefined && FINAL_GRPC.has(grpc);
}

/** @internal Nest's `HttpException` and its like, by shape: two copies of Nest in one process are common. */
export function httpStatusOf(error: unknown): number | undefined {
  const status = callSafely(error, 'getStatus');
  return typeof status === 'number' ? status : undefined;
}

/** grpc-js's `ServiceError`: a numeric code in gRPC's range and, unlike Node's errors, `details`. */
function grpcStatusOf(error: unknown): number | undefined {
  const code = readSafely(error, 'code');
  const isServiceError = typeof readSafely(error, 'details') === 'string';
  return isServiceError && typeof code === 'number' && code > 0 && code <= 16 ? code : undefined;
}

/**
 * @internal What Nest's `RpcException` and its like carry. Somebody chose these words as the answer to the sender (Nest itself does,
 * for a guard that says no), so the message is to blame unless a status in them says otherwise.
 */
export function rpcPayloadOf(error: unknown): unknown {
  return typeof readSafely(error, 'getError') === 'function'
    ? (callSafely(error, 'getError') ?? {})
    : undefined;
}

/** @internal */
export function numberIn(
  source: unknown,
  names: readonly string[],
  least: number,
  most: number,
): number | undefined {
  return names
    .map((name) => readSafely(source, name))
    .find((value): value is number => typeof value === 'number' && value >= least && value <= most);
}

/** @internal A stable code for an error, by what it says or by its status. */
export function codeOf(error: unknown, http: number | undefined, grpc: number | undefined): string {
  const code = readSafely(error, 'code') ?? readSafely(rpcPayloadOf(error), 'code');
  if (typeof code === 'string' && code !== '') return code;
  if (http === undefined && grpc === undefined) return 'RPC_EXCEPTION';
  return http === undefined ? `GRPC_${String(grpc)}` : `HTTP_${http}`;
}
