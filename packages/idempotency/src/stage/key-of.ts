import { HeaderNames, type InboundMessage } from '@acme/nest-message-context';
import { parseHeaderKey, parseValueKey, valueAt, type ParsedKey } from '../core/key.js';
import { IdempotencyKeyInvalidError, IdempotencyKeyRequiredError } from '../idempotency.errors.js';
import type { CallKind, IdempotentOptions, KeySource } from '../idempotency.options.js';

interface Keyed {
  readonly kind: CallKind;
  /** Undefined for a plain method call: nothing of the message around it belongs to it. */
  readonly message: InboundMessage | undefined;
  readonly args: readonly unknown[];
}

const HEADER: KeySource = { header: HeaderNames.idempotencyKey };
const MESSAGE_ID: KeySource = { property: 'messageId' };

const DEFAULT_SOURCES: Readonly<Record<CallKind, readonly KeySource[]>> = {
  http: [HEADER],
  // `request_id` is where AIP-155 puts it; proto-loader and ts-proto write it either way.
  grpc: [HEADER, { payload: 'request_id' }, { payload: 'requestId' }],
  request: [HEADER, MESSAGE_ID],
  event: [HEADER, MESSAGE_ID],
  method: [],
};

/**
 * The key of a call; undefined when it has none and needs none.
 *
 * @throws {IdempotencyKeyRequiredError} when it has none
 * @throws {IdempotencyKeyInvalidError} when what it has is no key
 */
export function keyOf(call: Keyed, options: IdempotentOptions): string | undefined {
  const sources = options.keyFrom
    ? ([options.keyFrom].flat() as KeySource[])
    : DEFAULT_SOURCES[call.kind];
  for (const source of sources) {
    const found = keyFrom(source, call);
    if ('key' in found) return found.key;
    if ('invalid' in found)
      throw new IdempotencyKeyInvalidError(`${describe(source, call.kind)}: ${found.invalid}`);
  }
  if (options.required === false) return undefined;
  throw new IdempotencyKeyRequiredError(
    sources.map((source) => describe(source, call.kind)).join(', or ') ||
      'the decorator needs keyFrom for a plain method call',
  );
}

const MISSING: ParsedKey = { missing: true };

function keyFrom(source: KeySource, { message, args }: Keyed): ParsedKey {
  if (typeof source === 'function') return parseValueKey(source({ message, args }));
  if ('payload' in source)
    return parseValueKey(valueAt(message ? message.payload : args[0], source.payload));
  if (!message) return MISSING;
  return 'header' in source
    ? parseHeaderKey(message.headers.getAll(source.header))
    : parseValueKey(message.messageId);
}

function describe(source: KeySource, kind: CallKind): string {
  if (typeof source === 'function') return 'what keyFrom reads';
  if ('header' in source)
    return `the ${kind === 'grpc' ? 'metadata' : 'header'} "${source.header}"`;
  return 'payload' in source ? `"${source.payload}" in the payload` : 'the message id';
}
