/**
 * Content type of a payload that is a packet of Nest's (`{ pattern, data }`) already: the outbox's `OutboxClientProxy` adds
 * such. On the wire it is `application/json`, without the property `type`, under either envelope.
 */
export const NEST_PACKET = 'application/vnd.nestjs.packet+json';
