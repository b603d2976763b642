import type { AmqpDeliveryLike, IncomingPacket } from '@acme/nest-message-context';
import { HeaderNames } from '@acme/nest-message-context';

/** What a message says, whoever has sent it. */
export interface ReadMessage extends IncomingPacket {
  /** Which event or request it is; undefined where it does not say. */
  readonly pattern: unknown;
  /** Of a request: it is no packet of Nest's, and its sender will understand none. */
  readonly isPlain?: boolean;
}

/** Thrown for a body that is not what it says it is. */
class UnreadableBody extends Error {}

const STRUCTURED = /^application\/cloudevents\+json\b/i;
const JSON_TYPE = /[/+]json\b/i;
/** As the protocol binding has them, as JMS can have them, and as Knative's broker writes them. */
const CLOUD_EVENT_TYPE = ['cloudEvents:type', 'cloudEvents_type', 'ce-type'];

/**
 * Reads a message of any sender: a CloudEvent (structured or binary), plain JSON that is named by the AMQP property `type`, Nest's own
 * packet, and plain JSON that is named by nothing but its routing key. What has a content type that is no JSON is handed over as text
 * (`text/…`) or as a buffer.
 *
 * @throws {Error} with what is wrong
 */
export function readMessage(delivery: AmqpDeliveryLike): ReadMessage {
  const { properties, content } = delivery;
  const { contentType = '', type, replyTo, correlationId } = properties;
  const id = replyTo && correlationId ? correlationId : undefined;
  if (STRUCTURED.test(contentType)) {
    const { type, data } = cloudEvent(json(content));
    return plain(type, data, id);
  }
  const data = bodyOf(contentType, content);
  const named = eventType(properties.headers) ?? type;
  if (named) return plain(named, data, id);
  if (isPacket(data)) return packet(data, id);
  return plain(routingKeyOf(delivery), data, id);
}

const PACKET = { isPlain: false };

/** Without a spread, which takes V8 longer than all the rest. */
const plain = (pattern: string, data: unknown, id: string | undefined): ReadMessage =>
  id === undefined ? { pattern, data } : { pattern, data, id, isPlain: true };

/** Nobody else has it: it was read just now. Its own id comes first. */
const packet = (own: IncomingPacket, id: string | undefined): ReadMessage =>
  Object.assign(own, id === undefined || 'id' in own ? PACKET : { id, isPlain: false });

function eventType(headers: AmqpDeliveryLike['properties']['headers']): string | undefined {
  for (const name of CLOUD_EVENT_TYPE) {
    const value = headers?.[name];
    if (isName(value)) return value;
  }
  return undefined;
}

/** The key under which it was published. What was retried comes under the name of its queue. */
export function routingKeyOf({ fields, properties }: AmqpDeliveryLike): string {
  const original = properties.headers?.[HeaderNames.originalRoutingKey];
  return fields.exchange === '' && isName(original) ? original : fields.routingKey;
}

function bodyOf(contentType: string, content: Uint8Array): unknown {
  if (contentType === '' || JSON_TYPE.test(contentType)) return json(content);
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return contentType.startsWith('text/') ? bytes.toString() : bytes;
}

function json(content: Uint8Array): unknown {
  try {
    return JSON.parse(
      Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString(),
    );
  } catch (error) {
    throw new UnreadableBody(
      `the body is not JSON (${(error as Error).message}). Send JSON, or say by contentType what it is.`,
    );
  }
}

function cloudEvent(event: unknown): { readonly type: string; readonly data: unknown } {
  const {
    type,
    data,
    data_base64: base64,
    datacontenttype,
  } = (event ?? {}) as Record<string, unknown>;
  if (!isName(type))
    throw new UnreadableBody(
      'it says that it is a CloudEvent, and has no "type". Send one with it.',
    );
  if (typeof base64 !== 'string') return { type, data };
  const contentType = isName(datacontenttype) ? datacontenttype : 'application/octet-stream';
  return { type, data: bodyOf(contentType, Buffer.from(base64, 'base64')) };
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Nest's own; of a request it has an `id`. */
function isPacket(value: unknown): value is ReadMessage {
  return typeof value === 'object' && value !== null && 'pattern' in value && 'data' in value;
}
