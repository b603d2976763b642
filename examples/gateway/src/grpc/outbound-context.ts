import { MessageContext } from '@acme/nest-message-context';
import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';

/**
 * What every outgoing call gets, so that no call site can forget it: the correlation id of the request being handled, and a
 * deadline. Without a deadline gRPC waits for a dead peer for ever. A stream of replies is meant to stay open.
 */
export function outboundContext(deadlineMs: number): Interceptor {
  return (options, nextCall) => {
    const deadline = options.method_definition.responseStream
      ? options.deadline
      : (options.deadline ?? Date.now() + deadlineMs);
    const headers = Object.entries(MessageContext.current()?.outboundHeaders() ?? {});
    return new InterceptingCall(nextCall({ ...options, ...(deadline ? { deadline } : {}) }), {
      start: (metadata, listener, next) => {
        headers.forEach(([name, value]) => metadata.set(name, value));
        next(metadata, listener);
      },
    });
  };
}
