/** The part of a `ClientRMQ` of `@nestjs/microservices` that is used; protected there, and the only place where it says what it does with a message. */
export interface ClientRmqLike {
  connect(): Promise<unknown>;
  unwrap(): unknown;
  readonly queue: string;
  readonly queueOptions: unknown;
  readonly replyQueue: unknown;
  readonly options?: ClientRmqOptionsLike | undefined;
}

/** The options of `Transport.RMQ` on which it depends where a message goes, and how. */
interface ClientRmqOptionsLike {
  readonly exchange?: string | undefined;
  readonly exchangeType?: string | undefined;
  readonly wildcards?: boolean | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly serializer?: unknown;
}

/** Told by its fields: the class cannot be imported without making `@nestjs/microservices` a dependency of everybody. */
export function isClientRmq(client: unknown): client is ClientRmqLike {
  if (typeof client !== 'object' || client === null) return false;
  return ['replyQueue', 'queueOptions', 'queue'].every((field) => field in client);
}
