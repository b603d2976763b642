import type { BodyCall, HandlerKind } from '@acme/nest-message-context';
import type { CallKind, IdempotentOptions } from '../idempotency.options.js';

/** @internal What the decorator gives to the stage. */
export interface StageOptions extends IdempotentOptions {
  /** The decorator stands on the class. */
  readonly onClass?: boolean;
}

export function callKindOf({ role, context: { message } }: BodyCall): CallKind {
  if (role === 'method' || message.transport === 'method') return 'method';
  if (message.transport === 'http' || message.transport === 'grpc') return message.transport;
  return message.expectsReply ? 'request' : 'event';
}

/** The kinds of call that reach a handler. */
export function callKindsOf(kinds: ReadonlySet<HandlerKind>): Set<CallKind> {
  return new Set([...kinds].map((kind) => CALLS[kind]));
}

const CALLS: Readonly<Record<HandlerKind, CallKind>> = {
  http: 'http',
  sse: 'http',
  grpc: 'grpc',
  'grpc-stream': 'grpc',
  request: 'request',
  'golevelup-rpc': 'request',
  event: 'event',
  'golevelup-subscribe': 'event',
  'golevelup-batch': 'event',
  method: 'method',
};
