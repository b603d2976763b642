import { InboundHeaders } from '../../context/inbound-headers.js';
import type { InboundFacts } from '../../context/inbound-message.js';

/** A server call of grpc-js, as far as it is read here. */
export interface GrpcCallLike {
  readonly metadata: GrpcMetadataLike;
  readonly cancelled: boolean;
  getPath(): string;
  getDeadline(): Date | number;
  on(event: 'cancelled', listener: () => void): unknown;
  off(event: 'cancelled', listener: () => void): unknown;
}

interface GrpcMetadataLike {
  toJSON(): Record<string, unknown>;
}

export function isGrpcCall(value: unknown): value is GrpcCallLike {
  if (typeof value !== 'object' || value === null) return false;
  const call = value as Partial<GrpcCallLike>;
  return typeof call.getPath === 'function' && typeof call.metadata?.toJSON === 'function';
}

export function grpcFacts(call: GrpcCallLike, payload: unknown): InboundFacts {
  const deadline = Number(call.getDeadline());
  return {
    transport: 'grpc',
    name: call.getPath(),
    payload,
    headers: new InboundHeaders(call.metadata.toJSON()),
    expectsReply: true,
    deadline: Number.isFinite(deadline) ? deadline : undefined,
    // grpc-js emits "cancelled" when any call ends, also after success: the context stops listening before that.
    cancellation: (onCancel) => {
      const listener = (): void =>
        onCancel(new DOMException('The caller cancelled the gRPC call.', 'AbortError'));
      call.on('cancelled', listener);
      if (call.cancelled) listener();
      return () => void call.off('cancelled', listener);
    },
    raw: call,
  };
}
