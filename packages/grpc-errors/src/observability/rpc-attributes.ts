import type { Attributes } from '@acme/nest-message-context/observability';
import { codeNameOf, GrpcCode, type GrpcCodeName } from '../core/codes.js';

/** How a call has ended, as far as its span is concerned. */
export interface CallOutcome {
  readonly code: number;
  readonly reason?: string | undefined;
  readonly domain?: string | undefined;
  /** Of what callers are told nothing else of. */
  readonly errorId?: string | undefined;
}

/**
 * What is called, as OpenTelemetry's conventions of today have it and, where those have another name, as those before did.
 *
 * @param path `/order.v1.OrderService/GetOrder`
 */
export function methodAttributes(path: string): Attributes {
  const method = path.slice(1);
  return {
    'rpc.system': 'grpc',
    'rpc.system.name': 'grpc',
    'rpc.service': method.slice(0, method.lastIndexOf('/')),
    'rpc.method': method,
  };
}

/** How it has ended. What is no failure of this side is no error, whatever its code. */
export function outcomeAttributes(
  { code, reason, domain, errorId }: CallOutcome,
  isError: boolean,
): Attributes {
  const name = statusName(code);
  return {
    'rpc.grpc.status_code': code,
    'rpc.response.status_code': name,
    ...(isError && { 'error.type': name }),
    ...(reason !== undefined && { 'acme.grpc.reason': reason }),
    ...(domain !== undefined && { 'acme.grpc.domain': domain }),
    ...(errorId !== undefined && { 'acme.grpc.error_id': errorId }),
  };
}

export const statusName = (code: number): GrpcCodeName => codeNameOf(code) ?? 'UNKNOWN';

const SERVERS_FAULT: ReadonlySet<number> = new Set([
  GrpcCode.UNKNOWN,
  GrpcCode.DEADLINE_EXCEEDED,
  GrpcCode.UNIMPLEMENTED,
  GrpcCode.INTERNAL,
  GrpcCode.UNAVAILABLE,
  GrpcCode.DATA_LOSS,
]);

/** Whether a server that answers so has failed, and not its caller. */
export const isServersFault = (code: number): boolean => SERVERS_FAULT.has(code);

/** A client has not got what it wanted with any other. */
export const isFailure = (code: number): boolean => code !== GrpcCode.OK;
