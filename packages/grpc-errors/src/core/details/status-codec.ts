import { decodeMessage } from './decode-message.js';
import { fromWireRetryInfo, toWireRetryInfo } from './duration.js';
import { encodeMessage } from './encode-message.js';
import * as messages from './messages.js';
import type { MessageType } from './schema.js';
import type { AnyDetail, ErrorDetails, RichStatus } from './types.js';

/** A slot of `ErrorDetails` for a standard detail. */
type StandardSlot = Exclude<keyof ErrorDetails, 'other'>;
type Slots = { -readonly [Slot in keyof ErrorDetails]: ErrorDetails[Slot] };

interface StandardDetail<Slot extends StandardSlot = StandardSlot> {
  readonly slot: Slot;
  readonly typeUrl: string;
  readonly encode: (details: ErrorDetails) => Buffer;
  /** False when the bytes are broken. */
  readonly decodeInto: (details: Slots, bytes: Buffer) => boolean;
}

function detail<Slot extends StandardSlot, Wire = NonNullable<ErrorDetails[Slot]>>(
  slot: Slot,
  name: string,
  type: MessageType<Wire>,
  toWire = (value: NonNullable<ErrorDetails[Slot]>) => value as unknown as Wire,
  fromWire = (value: Wire) => value as unknown as NonNullable<ErrorDetails[Slot]>,
): StandardDetail {
  return {
    slot,
    typeUrl: `type.googleapis.com/google.rpc.${name}`,
    encode: (details) => encodeMessage(type, toWire(details[slot]!)),
    decodeInto(details, bytes) {
      const value = decodeMessage(type, bytes);
      if (value !== undefined) details[slot] = fromWire(value);
      return value !== undefined;
    },
  };
}

/** In the order in which they are sent. */
const STANDARD: readonly StandardDetail[] = [
  detail('errorInfo', 'ErrorInfo', messages.ERROR_INFO),
  detail('retryInfo', 'RetryInfo', messages.RETRY_INFO, toWireRetryInfo, fromWireRetryInfo),
  detail('badRequest', 'BadRequest', messages.BAD_REQUEST),
  detail('preconditionFailure', 'PreconditionFailure', messages.PRECONDITION_FAILURE),
  detail('quotaFailure', 'QuotaFailure', messages.QUOTA_FAILURE),
  detail('requestInfo', 'RequestInfo', messages.REQUEST_INFO),
  detail('resourceInfo', 'ResourceInfo', messages.RESOURCE_INFO),
  detail('localizedMessage', 'LocalizedMessage', messages.LOCALIZED_MESSAGE),
  detail('help', 'Help', messages.HELP),
  detail('debugInfo', 'DebugInfo', messages.DEBUG_INFO),
];

/** By what follows the last `/`: the host before it says only where the proto file may be found. */
const BY_NAME = new Map(STANDARD.map((one) => [nameIn(one.typeUrl), one]));

function nameIn(typeUrl: string): string | undefined {
  const slash = typeUrl.lastIndexOf('/');
  return slash < 0 ? undefined : typeUrl.slice(slash + 1);
}

/** The bytes of google.rpc.Status, for the trailer `grpc-status-details-bin`. */
export function encodeStatus({ code, message, details }: RichStatus): Buffer {
  const packed: AnyDetail[] = [];
  for (const { slot, typeUrl, encode } of STANDARD) {
    if (details[slot] !== undefined) packed.push({ typeUrl, value: encode(details) });
  }
  const all = details.other ? packed.concat(details.other) : packed;
  return encodeMessage(messages.STATUS, { code, message, details: all });
}

/**
 * Reads google.rpc.Status from anybody; never throws. Undefined when the bytes are no status. A detail that is broken
 * by itself does not spoil the rest: it stays in `other`, as do details of unknown types and all but the first of a
 * standard type. Beyond 1,024 details, or elements in one detail, the status or that detail counts as broken.
 */
export function decodeStatus(bytes: Uint8Array): RichStatus | undefined {
  const status = decodeMessage(messages.STATUS, asBuffer(bytes));
  if (!status) return undefined;
  const details: Slots = {};
  const other: AnyDetail[] = [];
  for (const { typeUrl, value } of status.details) {
    const standard = BY_NAME.get(nameIn(typeUrl));
    const isRead =
      standard &&
      details[standard.slot] === undefined &&
      standard.decodeInto(details, value as Buffer);
    // A copy: a view would keep the buffer of the whole header block alive as long as the error.
    if (!isRead) other.push({ typeUrl, value: new Uint8Array(value) });
  }
  if (other.length > 0) details.other = other;
  return { code: status.code, message: status.message, details };
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
