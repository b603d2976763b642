/**
 * The header names every package of this family reads and writes: AMQP headers, gRPC metadata and HTTP headers alike.
 * Nobody invents another one.
 */
export const HeaderNames = {
  /** Follows one piece of work through all services. */
  correlationId: 'x-correlation-id',
  /** Id of the message whose handling produced this one. */
  causationId: 'x-causation-id',
  /** Accepted from trusted hops only. */
  tenantId: 'x-tenant-id',
  /** Accepted from trusted hops only. */
  userId: 'x-user-id',
  /** Unix milliseconds after which nobody waits for the result any more. */
  deadline: 'x-deadline',
  /** One logical event, however many copies and versions of it travel. */
  eventId: 'x-event-id',
  eventVersion: 'x-event-version',
  eventVersions: 'x-event-versions',
  bridged: 'x-bridged',
  /** The event id on every copy of an event; never propagated to other messages. */
  idempotencyKey: 'idempotency-key',
  /** 1 = first delivery. */
  attempt: 'x-attempt',
  /** How often it was put off through no fault of its own. */
  deferrals: 'x-deferrals',
  /** Number per ordering key. */
  sequence: 'x-sequence',
  /** Of a parked message: its place among those that are parked of its ordering key. */
  orderPlace: 'x-order-place',
  firstFailedAt: 'x-first-failed-at',
  lastFailedAt: 'x-last-failed-at',
  errorCode: 'x-error-code',
  errorName: 'x-error-name',
  errorMessage: 'x-error-message',
  errorStack: 'x-error-stack',
  errorFingerprint: 'x-error-fingerprint',
  /** Which service has recorded the failure. */
  errorService: 'x-error-service',
  originalExchange: 'x-original-exchange',
  originalRoutingKey: 'x-original-routing-key',
  originalQueue: 'x-original-queue',
  redriveId: 'x-redrive-id',
  redriveCount: 'x-redrive-count',
  redriveAt: 'x-redrive-at',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  baggage: 'baggage',
} as const;
