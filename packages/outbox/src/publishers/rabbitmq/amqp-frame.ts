import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { HeaderNames, type OutboundMessage } from '@acme/nest-message-context';
import { PublishError } from '../../outbox.errors.js';
import type { AmqpPublishOptions } from './amqp-like.js';

/** A message in AMQP's terms. */
export interface AmqpFrame {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
  readonly options: AmqpPublishOptions;
}

/**
 * Plain JSON (or the bytes as they are) with the AMQP properties that consumers of every language read.
 *
 * @throws {PublishError} when the message cannot be published as it is
 */
export function toFrame(
  message: OutboundMessage,
  defaultExchange: string,
  maxMessageBytes: number,
): AmqpFrame {
  const content = toContent(message.payload);
  if (content.length > maxMessageBytes) {
    throw new PublishError(
      'INVALID',
      `The message "${message.type}" has ${content.length} bytes; maxMessageBytes is ${maxMessageBytes}. Send a reference to the data, or raise the limit here and in the broker (max_message_size).`,
    );
  }
  const headers: Record<string, unknown> = { ...message.headers };
  for (const [name, value] of Object.entries(headers)) {
    // A view of a larger buffer is sent as what it shows.
    if (value instanceof Uint8Array) headers[name] = toBuffer(value);
  }
  const correlationId = headers[HeaderNames.correlationId];
  return {
    exchange: message.exchange ?? defaultExchange,
    routingKey: message.routingKey ?? message.type,
    content,
    options: {
      persistent: true,
      // Without it the broker confirms, and throws away, what no queue is bound for.
      mandatory: true,
      messageId: message.messageId ?? randomUUID(),
      type: message.type,
      contentType:
        message.contentType ??
        (message.payload instanceof Uint8Array ? 'application/octet-stream' : 'application/json'),
      timestamp: Math.floor((message.timestamp ?? Date.now()) / 1_000),
      headers,
      ...(typeof correlationId === 'string' ? { correlationId } : {}),
    },
  };
}

function toContent(payload: unknown): Buffer {
  if (payload instanceof Uint8Array) return toBuffer(payload);
  const text = JSON.stringify(payload) as string | undefined;
  if (text !== undefined) return Buffer.from(text);
  throw new PublishError('INVALID', `A payload of type ${typeof payload} has no JSON.`);
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
