import type { ErrorStatus } from '../../wire/status.js';

/** Metadata key under which gRPC libraries of all languages look for a `google.rpc.Status` with details. */
export const STATUS_DETAILS = 'grpc-status-details-bin';

/** Who gives the reasons their meaning (AIP-193). */
const DOMAIN = 'acme.nest';

const TYPES = 'type.googleapis.com/google.rpc.';

/**
 * `google.rpc.Status` of an error, with the reason as `ErrorInfo` and, where it is to be tried again, when, as `RetryInfo`.
 * Written by hand: three messages of texts and whole numbers are no reason for a runtime dependency.
 */
export function statusDetails(
  { grpc, reason, retryAfterMs }: ErrorStatus,
  message: string,
): Buffer {
  const details = [any('ErrorInfo', [text(1, reason), text(2, DOMAIN)])];
  if (retryAfterMs !== undefined)
    details.push(any('RetryInfo', [bytes(1, duration(retryAfterMs))]));
  return Buffer.concat([number(1, grpc), text(2, message), ...details.map((one) => bytes(3, one))]);
}

const any = (type: string, fields: readonly Buffer[]): Buffer =>
  Buffer.concat([text(1, TYPES + type), bytes(2, Buffer.concat(fields))]);

/** `google.protobuf.Duration`: seconds and nanoseconds. */
function duration(ms: number): Buffer {
  const seconds = Math.floor(ms / 1_000);
  return Buffer.concat([number(1, seconds), number(2, Math.round((ms - seconds * 1_000) * 1e6))]);
}

// Protocol Buffers: a field is its number and wire type (0 varint, 2 length-delimited), then its value.
const number = (field: number, value: number): Buffer =>
  Buffer.from([...varint(field << 3), ...varint(value)]);

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from([...varint((field << 3) | 2), ...varint(value.length)]),
    value,
  ]);
}

const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value));

/** Seven bits at a time, the lowest first; all but the last have the eighth bit set. */
function varint(value: number): number[] {
  const octets: number[] = [];
  let rest = value;
  while (rest > 127) {
    octets.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...octets, rest];
}
