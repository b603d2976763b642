/** A server call of grpc-js, as far as it is used here. */
interface CallLike {
  readonly metadata: object;
  sendMetadata(metadata: object): void;
  readonly call?: InnerCallLike | undefined;
}

/** What grpc-js keeps behind a call; interceptors stand in front of one another. */
interface InnerCallLike {
  readonly handler?: { readonly type?: unknown } | undefined;
  readonly nextCall?: InnerCallLike | undefined;
}

/**
 * Whether a gRPC call is answered with a stream. Only the proto file says so, and of what the handler can see only the
 * inside of the call: grpc-js makes the same kind of object for calls with one reply.
 */
export function answersWithStream(raw: unknown): boolean {
  for (let inner = (raw as Partial<CallLike> | undefined)?.call; inner; inner = inner.nextCall) {
    if (inner.handler)
      return inner.handler.type === 'serverStream' || inner.handler.type === 'bidi';
  }
  return false;
}

/** Tells the caller, in the initial metadata, that the reply is a stored one. */
export function markReplayed(raw: unknown): void {
  const call = raw as Partial<CallLike> | undefined;
  if (typeof call?.sendMetadata !== 'function' || !call.metadata) return;
  // grpc-js accepts only its own Metadata, and the user's copy of it is the right one.
  const Metadata = call.metadata.constructor as new () => { set(key: string, value: string): void };
  const metadata = new Metadata();
  metadata.set('idempotent-replayed', 'true');
  call.sendMetadata(metadata);
}
