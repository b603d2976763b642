import { HeaderNames, MessageContext } from '@acme/nest-message-context';

const TRACE = [HeaderNames.traceparent, HeaderNames.tracestate, HeaderNames.baggage];

/**
 * What the message being handled passes on: correlation, causation, tenant and user, and the trace it belongs to. Taken when
 * a message is added: the relay publishes it later, outside of everything.
 */
export function contextHeaders(): Record<string, string> {
  const context = MessageContext.current();
  if (!context) return {};
  const headers = context.outboundHeaders();
  for (const name of TRACE) {
    const value = context.message.headers.get(name);
    if (value !== undefined) headers[name] = value;
  }
  return headers;
}
