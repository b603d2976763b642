import { InboundHeaders } from '../../context/inbound-headers.js';
import type { InboundFacts, Transport } from '../../context/inbound-message.js';
import { HeaderNames } from '../../wire/header-names.js';

/** What amqplib hands to a consumer, as far as it is read here. */
export interface AmqpDeliveryLike {
  readonly content: Uint8Array;
  readonly fields: {
    readonly deliveryTag: number;
    readonly redelivered: boolean;
    readonly exchange: string;
    readonly routingKey: string;
  };
  readonly properties: {
    readonly headers?: Record<string, unknown> | undefined;
    readonly messageId?: string | undefined;
    readonly correlationId?: string | undefined;
    readonly replyTo?: string | undefined;
    readonly type?: string | undefined;
    readonly contentType?: string | undefined;
  };
}

export function isAmqpDelivery(value: unknown): value is AmqpDeliveryLike {
  if (typeof value !== 'object' || value === null) return false;
  const { fields, properties } = value as Partial<AmqpDeliveryLike>;
  return (
    typeof fields?.deliveryTag === 'number' && typeof properties === 'object' && properties !== null
  );
}

/** The facts of one AMQP delivery. */
export function amqpFacts(
  transport: Transport,
  delivery: AmqpDeliveryLike,
  { name, payload, expectsReply }: { name: string; payload: unknown; expectsReply: boolean },
): InboundFacts {
  const { fields, properties } = delivery;
  const headers = new InboundHeaders(properties.headers ?? {});
  return {
    transport,
    name,
    payload,
    headers,
    expectsReply,
    messageId: properties.messageId,
    // In a request this property pairs the reply with it and says nothing about the flow of work.
    correlationId: properties.replyTo ? undefined : properties.correlationId,
    // Quorum queues count; absent on the first delivery.
    deliveryCount: headers.getNumber('x-delivery-count'),
    redelivered: fields.redelivered,
    raw: delivery,
  };
}

/**
 * Plain JSON is named by the property `type`, else by its routing key. What comes back from a retry queue comes by the default
 * exchange under the name of its queue, and says which key it had.
 */
function golevelupName({ properties, fields }: AmqpDeliveryLike): string {
  if (properties.type !== undefined) return properties.type;
  const original =
    fields.exchange === ''
      ? new InboundHeaders(properties.headers ?? {}).get(HeaderNames.originalRoutingKey)
      : undefined;
  return original ?? fields.routingKey;
}

/**
 * The facts of a delivery to a golevelup handler.
 *
 * @param replies whether what it returns is sent to whoever has asked
 */
export function golevelupFacts(
  delivery: AmqpDeliveryLike,
  payload: unknown,
  replies: boolean,
): InboundFacts {
  return amqpFacts('golevelup', delivery, {
    name: golevelupName(delivery),
    payload,
    // Others may be bound to where requests go, and only look on.
    expectsReply: replies && Boolean(delivery.properties.replyTo),
  });
}

/** The facts of a golevelup batch: one handling of many deliveries, settled together. It has no message id of its own. */
function golevelupBatchFacts(
  deliveries: readonly AmqpDeliveryLike[],
  payload: unknown,
): InboundFacts {
  const [first] = deliveries;
  return {
    transport: 'golevelup',
    name: first ? golevelupName(first) : '',
    payload,
    expectsReply: false,
    redelivered: deliveries.some(({ fields }) => fields.redelivered),
    raw: deliveries,
  };
}

/** The facts of whatever golevelup hands to a handler: one delivery or a batch. */
export function golevelupFactsOf(
  raw: unknown,
  payload: unknown,
  replies: boolean,
): InboundFacts | undefined {
  if (isAmqpDelivery(raw)) return golevelupFacts(raw, payload, replies);
  return Array.isArray(raw) && raw.every(isAmqpDelivery)
    ? golevelupBatchFacts(raw, payload)
    : undefined;
}
