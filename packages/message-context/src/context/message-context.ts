import { AsyncResource } from 'node:async_hooks';
import { MessageContextMissingError } from '../message-context.errors.js';
import { HeaderNames } from '../wire/header-names.js';
import { correlationIdFrom, isAcceptableId } from './correlation.js';
import type { InboundMessage } from './inbound-message.js';
import { storage } from './storage.js';

/** @internal What a context is opened with. */
export interface ContextSettings {
  readonly generateId: () => string;
  readonly trustIdentity: (message: InboundMessage) => boolean;
}

/** What is being handled right now, and what goes out with every call it makes. */
export class MessageContext {
  /** Follows one piece of work through all services: taken over when acceptable, else new. */
  readonly correlationId: string;
  /** Id of the message that caused this one, as its sender told it. */
  readonly causationId: string | undefined;
  /** From `x-tenant-id`, of a trusted hop only. */
  readonly tenantId: string | undefined;
  /** From `x-user-id`, of a trusted hop only. */
  readonly userId: string | undefined;

  /** @internal */
  constructor(
    readonly message: InboundMessage,
    correlationHint: string | undefined,
    { generateId, trustIdentity }: ContextSettings,
    /** @internal The transport's own object, by which doors find one another. */
    readonly key?: object,
  ) {
    const { headers } = message;
    this.correlationId = correlationIdFrom(
      [headers.get(HeaderNames.correlationId), correlationHint],
      generateId,
    );
    this.causationId = acceptable(headers.get(HeaderNames.causationId));
    const trusted = trustIdentity(message);
    this.tenantId = trusted ? acceptable(headers.get(HeaderNames.tenantId)) : undefined;
    this.userId = trusted ? acceptable(headers.get(HeaderNames.userId)) : undefined;
  }

  /** The context of the message being handled, or undefined outside of any. */
  static current(): MessageContext | undefined {
    return storage.current.getStore();
  }

  /**
   * The context of the message being handled.
   * @throws {MessageContextMissingError} when none is open.
   */
  static require(): MessageContext {
    const context = storage.current.getStore();
    if (!context) throw new MessageContextMissingError();
    return context;
  }

  /**
   * The same function, always run in the context it was bound in: for listeners and callbacks that somebody else calls
   * (stream events, pooled connections).
   */
  static bind<F extends (...args: never[]) => unknown>(fn: F): F {
    return AsyncResource.bind(fn as never) as unknown as F;
  }

  /** Runs `fn` inside this context. */
  run<R>(fn: () => R): R {
    return storage.current.run(this, fn);
  }

  /** The headers that go out with every call and message made while handling this one. */
  outboundHeaders(): Record<string, string> {
    const headers: Record<string, string> = { [HeaderNames.correlationId]: this.correlationId };
    if (this.message.messageId !== undefined && isAcceptableId(this.message.messageId)) {
      headers[HeaderNames.causationId] = this.message.messageId;
    }
    if (this.tenantId !== undefined) headers[HeaderNames.tenantId] = this.tenantId;
    if (this.userId !== undefined) headers[HeaderNames.userId] = this.userId;
    return headers;
  }
}

function acceptable(id: string | undefined): string | undefined {
  return isAcceptableId(id) ? id : undefined;
}
