import { decodeMessage } from './decode-message.js';
import { fromWireRetryInfo, toWireRetryInfo } from './duration.js';
import { writeMessage } from './encode-message.js';
import * as messages from './messages.js';
import type { MessageType } from './schema.js';
import type { AnyDetail, ErrorDetails, RichStatus } from './types.js';
import { WireWriter } from './wire-writer.js';

const NONE: readonly AnyDetail[] = [];
const [ANY_TYPE_URL, ANY_VALUE] = messages.ANY.fields.map(({ tag }) => tag) as [number, number];
const STATUS_DETAIL = messages.STATUS.fields[2]!.tag;

/** A slot of `ErrorDetails` for a standard detail. */
type StandardSlot = Exclude<keyof ErrorDetails, 'other'>;
type Slots = { -readonly [Slot in keyof ErrorDetails]: ErrorDetails[Slot] };

interface StandardDetail {
  readonly slot: StandardSlot;
  readonly typeUrl: string;
  /** Writes it where there is one, and says whether. */
  readonly write: (writer: WireWriter, details: ErrorDetails) => boolean;
  /** False when the bytes are broken. */
  readonly decodeInto: (details: Slots, bytes: Buffer) => boolean;
}

function detail<Slot extends StandardSlot, Wire = NonNullable<ErrorDetails[Slot]>>(
  slot: Slot,
  name: string,
  type: MessageType<Wire>,
  // By its name and not by `details[slot]`, which costs V8 more than all the writing where there is none.
  own: (details: ErrorDetails) => ErrorDetails[Slot],
  toWire = (value: NonNullable<ErrorDetails[Slot]>) => value as unknown as Wire,
  fromWire = (value: Wire) => value as unknown as NonNullable<ErrorDetails[Slot]>,
): StandardDetail {
  return {
    slot,
    typeUrl: `type.googleapis.com/google.rpc.${name}`,
    write(writer, details) {
      const value = own(details);
      if (value === undefined) return false;
      writeMessage(writer, type, toWire(value as NonNullable<ErrorDetails[Slot]>));
      return true;
    },
    decodeInto(details, bytes) {
      const value = decodeMessage(type, bytes);
      if (value !== undefined) details[slot] = fromWire(value);
      return value !== undefined;
    },
  };
}

/** In the order in which they are sent. */
const STANDARD: readonly StandardDetail[] = [
  detail('errorInfo', 'ErrorInfo', messages.ERROR_INFO, (all) => all.errorInfo),
  detail(
    'retryInfo',
    'RetryInfo',
    messages.RETRY_INFO,
    (all) => all.retryInfo,
    toWireRetryInfo,
    fromWireRetryInfo,
  ),
  detail('badRequest', 'BadRequest', messages.BAD_REQUEST, (all) => all.badRequest),
  detail(
    'preconditionFailure',
    'PreconditionFailure',
    messages.PRECONDITION_FAILURE,
    (all) => all.preconditionFailure,
  ),
  detail('quotaFailure', 'QuotaFailure', messages.QUOTA_FAILURE, (all) => all.quotaFailure),
  detail('requestInfo', 'RequestInfo', messages.REQUEST_INFO, (all) => all.requestInfo),
  detail('resourceInfo', 'ResourceInfo', messages.RESOURCE_INFO, (all) => all.resourceInfo),
  detail(
    'localizedMessage',
    'LocalizedMessage',
    messages.LOCALIZED_MESSAGE,
    (all) => all.localizedMessage,
  ),
  detail('help', 'Help', messages.HELP, (all) => all.help),
  detail('debugInfo', 'DebugInfo', messages.DEBUG_INFO, (all) => all.debugInfo),
];

/** By what follows the last `/`: the host before it says only where the proto file may be found. */
const BY_NAME = new Map(STANDARD.map((one) => [nameIn(one.typeUrl), one]));
/** As nearly everybody writes it. */
const BY_URL = new Map(STANDARD.map((one) => [one.typeUrl, one]));

function nameIn(typeUrl: string): string | undefined {
  const slash = typeUrl.lastIndexOf('/');
  return slash < 0 ? undefined : typeUrl.slice(slash + 1);
}

/** The bytes of google.rpc.Status, for the trailer `grpc-status-details-bin`: written at once and from their end, as the writer does. */
export function encodeStatus({ code, message, details }: RichStatus): Buffer {
  const writer = new WireWriter();
  const { other = [] } = details;
  for (let at = other.length - 1; at >= 0; at--) {
    const before = writer.length;
    writeMessage(writer, messages.ANY, other[at]!);
    endDetail(writer, before);
  }
  for (let at = STANDARD.length - 1; at >= 0; at--) {
    const { write, typeUrl } = STANDARD[at]!;
    const before = writer.length;
    if (!write(writer, details)) continue;
    if (writer.length > before) endField(writer, before, ANY_VALUE);
    writer.text(typeUrl);
    writer.uint32(ANY_TYPE_URL);
    endDetail(writer, before);
  }
  writeMessage(writer, messages.STATUS, { code, message, details: NONE });
  return writer.finish();
}

const endDetail = (writer: WireWriter, before: number): void =>
  endField(writer, before, STATUS_DETAIL);

/** Length and tag of what was written since. */
function endField(writer: WireWriter, before: number, tag: number): void {
  writer.uint32(writer.length - before);
  writer.uint32(tag);
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
    const standard = BY_URL.get(typeUrl) ?? BY_NAME.get(nameIn(typeUrl));
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
