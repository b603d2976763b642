/** A unary server call of grpc-js, as far as it is used here. */
interface CallLike {
  readonly metadata: object;
  sendMetadata(metadata: object): void;
  /** Only a call that is answered with a stream is written to. */
  readonly write?: unknown;
}

/** Whether a gRPC call is answered with a stream; only the proto file says, so it shows when the call is there. */
export const answersWithStream = (call: unknown): boolean =>
  typeof (call as Partial<CallLike> | undefined)?.write === 'function';

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
