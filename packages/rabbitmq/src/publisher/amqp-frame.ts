import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import {
  HeaderNames,
  NEST_PACKET,
  PublishError,
  type OutboundMessage,
} from '@acme/nest-message-context';
import type { AmqpPublishOptions } from './amqp-like.js';
import { MAX_HEADERS_BYTES, sizeOfHeaders } from '../core/headers-size.js';

const JSON_TYPE = 'application/json';

type Changeable<T> = { -readonly [K in keyof T]: T[K] };

/** A message in AMQP's terms. */
export interface AmqpFrame {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
  readonly options: AmqpPublishOptions;
}

/** How the body says what it is; see `AmqpPublishingOptions.envelope`. */
export type Envelope = 'plain' | 'nest';

/** What a message does not say itself. */
export interface FrameDefaults {
  readonly exchange: string;
  /** Of messages that name neither exchange nor routing key. Others are routed by their type. */
  readonly routingKey?: string | undefined;
  readonly envelope: Envelope;
  readonly headers?: OutboundMessage['headers'];
  readonly maxMessageBytes: number;
}

/**
 * The message with the AMQP properties that consumers of every language read.
 *
 * @throws {PublishError} when the message cannot be published as it is
 */
export function toFrame(message: OutboundMessage, defaults: FrameDefaults): AmqpFrame {
  const isPacket = message.contentType === NEST_PACKET;
  const isNest = defaults.envelope === 'nest' || isPacket;
  const content =
    isNest && !isPacket ? toPacket(message.type, message) : toContent(message.payload);
  const { maxMessageBytes } = defaults;
  if (content.length > maxMessageBytes) {
    throw new PublishError(
      'INVALID',
      `The message "${message.type}" has ${content.length} bytes; maxMessageBytes is ${maxMessageBytes}. Send a reference to the data, or raise the limit here and in the broker (max_message_size).`,
    );
  }
  const headers = headersOf(defaults.headers, message.headers);
  for (const name in headers) {
    const value = headers[name];
    // A view of a larger buffer is sent as what it shows.
    if (value instanceof Uint8Array) headers[name] = toBuffer(value);
    // `amqplib` takes some of them for integers, and fails.
    else if (typeof value === 'number' && !Number.isSafeInteger(value))
      headers[name] = { '!': 'double', value };
  }
  const size = sizeOfHeaders(headers);
  if (size > MAX_HEADERS_BYTES) {
    throw new PublishError(
      'INVALID',
      `The headers of "${message.type}" have ${size} bytes; the AMQP client carries at most ${MAX_HEADERS_BYTES}. Put into the payload what is that long.`,
    );
  }
  const correlationId = headers[HeaderNames.correlationId];
  const byDefault = message.exchange === undefined ? defaults.routingKey : undefined;
  const options: Changeable<AmqpPublishOptions> = {
    persistent: true,
    // Without it the broker confirms, and throws away, what no queue is bound for.
    mandatory: true,
    messageId: message.messageId ?? randomUUID(),
    contentType: isNest ? JSON_TYPE : contentTypeOf(message),
    timestamp: Math.floor((message.timestamp ?? Date.now()) / 1_000),
    headers,
  };
  // With a type, the body is taken for the payload itself: see PlainJsonDeserializer.
  if (!isNest) options.type = message.type;
  if (isShort(correlationId)) options.correlationId = correlationId;
  return {
    exchange: message.exchange ?? defaults.exchange,
    routingKey: message.routingKey ?? byDefault ?? message.type,
    content,
    options,
  };
}

/** A copy. Of one object V8 makes it in no time, of two together it takes many microseconds. */
function headersOf(
  usual: OutboundMessage['headers'],
  own: OutboundMessage['headers'],
): Record<string, unknown> {
  return usual === undefined ? { ...own } : { ...usual, ...own };
}

/** What a property of AMQP may hold. A longer text still goes as a header. */
const isShort = (value: unknown): value is string =>
  typeof value === 'string' && Buffer.byteLength(value) <= 255;

const contentTypeOf = ({ contentType, payload }: OutboundMessage): string =>
  contentType ?? (payload instanceof Uint8Array ? 'application/octet-stream' : JSON_TYPE);

function toContent(payload: unknown): Buffer {
  if (payload instanceof Uint8Array) return toBuffer(payload);
  const text = JSON.stringify(payload) as string | undefined;
  if (text !== undefined) return Buffer.from(text);
  throw new PublishError('INVALID', `A payload of type ${typeof payload} has no JSON.`);
}

/** Put around the JSON as it is: what was added arrives to the last digit. */
function toPacket(pattern: string, message: OutboundMessage): Buffer {
  const { payload } = message;
  if (payload instanceof Uint8Array && !/[/+]json\b/i.test(contentTypeOf(message))) {
    throw new PublishError(
      'INVALID',
      `The payload of "${pattern}" is bytes of the content type ${contentTypeOf(message)}, and envelope: 'nest' carries JSON only. Add it as a JSON value, or publish it with envelope: 'plain'.`,
    );
  }
  const [head, tail] = [`{"pattern":${JSON.stringify(pattern)},"data":`, '}'];
  return Buffer.concat([Buffer.from(head), toContent(payload), Buffer.from(tail)]);
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
