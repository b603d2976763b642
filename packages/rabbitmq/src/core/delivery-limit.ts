/** What quorum queues have from RabbitMQ 4.0 on where nobody says anything. */
const USUAL = 20;
/** So many deliveries are left to park in: a neighbour may end the process meanwhile, and beyond the limit the broker drops. */
const MARGIN = 4;
/** A lower limit is left to the broker. */
const LEAST = 5;

/** What is done with a delivery by its `x-delivery-count`; all of them Infinity: nothing. */
export interface DeliveryLimit {
  /** From here on it is handled alone. */
  readonly suspectsAt: number;
  /** From here on it is parked. */
  readonly parksAt: number;
  /** Beyond it the broker gives the message up, as far as is known. */
  readonly limit: number;
}

const NONE: DeliveryLimit = { suspectsAt: Infinity, parksAt: Infinity, limit: Infinity };

/**
 * What a queue counts is more than crashes: what was given back, before RabbitMQ 4.3, and what was under way when a connection was
 * lost. So it is left alone until the broker itself would give the message up, a little before that.
 *
 * It also counts everything that was in the hands of a process that died. Halfway to the end messages are therefore handled alone:
 * those that are well leave, and the one that is not comes first when the end is reached.
 *
 * @param declared the arguments of the queue, as far as they were seen
 */
export function deliveryLimitOf(declared: Readonly<Record<string, unknown>> = {}): DeliveryLimit {
  const { 'x-queue-type': type, 'x-delivery-limit': given } = declared;
  const limit = typeof given === 'number' ? given : USUAL;
  // A classic queue passes on what somebody else has counted. Of a negative limit there is none, and a low one leaves no room: a lost
  // connection or two would have messages parked that are well.
  if (type === 'classic' || limit < LEAST) return NONE;
  const parksAt = limit - Math.min(MARGIN, Math.floor(limit / LEAST));
  return { suspectsAt: Math.ceil(parksAt / 2), parksAt, limit };
}

/** Of a queue as it is declared. Brokers make a classic one where no type is given. */
export function queueTypeIn(declaration: { readonly arguments?: unknown } | undefined): string {
  const { 'x-queue-type': type = 'classic' } = (declaration?.arguments ?? {}) as Record<
    string,
    unknown
  >;
  return String(type);
}
