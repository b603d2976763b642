import type { Observable } from 'rxjs';

/** The part of a `ClientProxy` of `@nestjs/microservices` that is used. */
export interface ClientProxyLike {
  connect(): Promise<unknown>;
  emit(pattern: unknown, data: unknown): Observable<unknown>;
}

/** What a `ClientRMQ` has besides; protected there, and the only place where it says what it does with a message. */
export interface ClientRmqLike extends ClientProxyLike {
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
export function isClientRmq(client: ClientProxyLike): client is ClientRmqLike {
  return 'replyQueue' in client && 'queueOptions' in client && 'queue' in client;
}
