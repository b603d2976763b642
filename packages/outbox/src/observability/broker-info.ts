/** What a publisher may tell of where it publishes to, for spans and metrics. */
export interface BrokerInfo {
  /** `messaging.system` of OpenTelemetry: `rabbitmq`. */
  readonly system?: string | undefined;
  /** Exchange of messages that name none. */
  readonly exchange?: string | undefined;
}

/** `messaging.destination.name` of a message, where it is known. */
export function destinationOf(
  exchange: string | null | undefined,
  { exchange: usual }: BrokerInfo,
): string | undefined {
  const name = exchange ?? usual;
  return name === '' ? 'amq.default' : name;
}
