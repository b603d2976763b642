import type { Attributes } from '@acme/nest-message-context/observability';
import type { Settled } from './watched-delivery.js';

/** Where messages come from. Names that the server has given are no names: each connection has another. */
export const ofQueue = (queue: string | undefined): Attributes => ({
  'messaging.system': 'rabbitmq',
  ...(queue === undefined
    ? { 'messaging.destination.anonymous': true }
    : { 'messaging.destination.name': queue }),
});

/** How a delivery ended, in words of which there are few. */
export const attributesOf = ({ type, handler, parkedFor, errorCode }: Settled): Attributes => ({
  'acme.rabbitmq.outcome': type,
  ...(handler !== undefined && { 'acme.rabbitmq.handler': handler }),
  ...(parkedFor !== undefined && { 'acme.rabbitmq.parked_for': parkedFor }),
  ...(errorCode !== undefined && { 'error.type': errorCode }),
});
