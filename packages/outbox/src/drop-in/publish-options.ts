import { HeaderNames, type HeaderValue, type OutboundMessage } from '@acme/nest-message-context';

/** Options of a message as `amqplib` names them; golevelup and the records of Nest use the same. */
export interface PublishOptionsLike {
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  readonly messageId?: string | undefined;
  readonly type?: string | undefined;
  readonly contentType?: string | undefined;
  readonly correlationId?: string | undefined;
  /** As it is to stand in the message; by convention, seconds. */
  readonly timestamp?: number | undefined;
  /** Changes nothing: every message is persistent and mandatory. */
  readonly persistent?: boolean | undefined;
  readonly deliveryMode?: boolean | number | undefined;
  readonly mandatory?: boolean | undefined;
}

const KEPT = ['headers', 'messageId', 'type', 'contentType', 'correlationId', 'timestamp'];

/** What the relay does with every message: to ask for it, or not to, changes nothing. */
const ALWAYS = ['persistent', 'deliveryMode', 'mandatory'];

/** What of a message the options say; what the outbox cannot keep is a problem, for dropping it would change the message. */
export function fromPublishOptions(
  options: object,
  problems: string[],
): Omit<Partial<OutboundMessage>, 'payload'> {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || KEPT.includes(name) || ALWAYS.includes(name)) continue;
    problems.push(
      `${name}: the outbox cannot keep this option. Leave it out${REMEDIES[name] ?? ''}, or publish this message past the outbox.`,
    );
  }
  const given = options as PublishOptionsLike;
  const { correlationId, timestamp } = given;
  const correlation =
    correlationId === undefined ? {} : { [HeaderNames.correlationId]: correlationId };
  return {
    ...(given.type === undefined ? {} : { type: given.type }),
    messageId: given.messageId,
    contentType: given.contentType,
    timestamp: timestamp === undefined ? undefined : timestamp * 1_000,
    // Checked with the message, like all headers.
    headers: { ...correlation, ...given.headers } as Record<string, HeaderValue>,
  };
}

const REMEDIES: Readonly<Record<string, string>> = {
  expiration: ' (a queue may have x-message-ttl)',
  replyTo: ' (a reply would come after the commit)',
};
