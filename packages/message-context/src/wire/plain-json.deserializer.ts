/** What Nest's RabbitMQ server makes of a message. */
export interface IncomingPacket {
  readonly pattern: unknown;
  readonly data: unknown;
  /** Present when the sender waits for a reply. */
  readonly id?: string | undefined;
}

interface AmqpProperties {
  readonly type?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly correlationId?: string | undefined;
}

/**
 * Lets Nest's RabbitMQ transport read plain JSON: the pattern is the AMQP property `type`, the body is the payload. Nest on
 * its own reads only its own envelope and ignores the routing key.
 *
 *     options: { …, deserializer: new PlainJsonDeserializer() }
 *
 * Nest's envelope (`{ pattern, data }`) is read as ever, so both kinds of sender may share a queue: a message with a `type`
 * is plain, one without is Nest's.
 */
export class PlainJsonDeserializer {
  deserialize(value: unknown, properties: AmqpProperties = {}): IncomingPacket {
    const { type, replyTo, correlationId } = properties;
    if (!type) return isEnvelope(value) ? value : { pattern: undefined, data: value };
    // Only a message with a reply address is a request; an event's correlation id pairs nothing.
    return {
      pattern: type,
      data: value,
      ...(replyTo && correlationId ? { id: correlationId } : {}),
    };
  }
}

function isEnvelope(value: unknown): value is IncomingPacket {
  return typeof value === 'object' && value !== null && 'pattern' in value && 'data' in value;
}
