import { InboundHeaders } from '../../context/inbound-headers.js';
import type { InboundFacts } from '../../context/inbound-message.js';

/** An HTTP request of Node, Express or Fastify, as far as it is read here. */
export interface HttpRequestLike {
  readonly headers: Record<string, unknown>;
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly originalUrl?: string | undefined;
  /** Fastify's request carries Node's. */
  readonly raw?: HttpRequestLike | undefined;
  body?: unknown;
}

/** Node's response, as far as it is read here. */
export interface HttpResponseLike {
  readonly writableFinished: boolean;
  on(event: 'close', listener: () => void): unknown;
}

/** Node's own request: the same object for middleware, hooks and handlers, on Express and on Fastify. */
export const httpKey = (request: HttpRequestLike): object => request.raw ?? request;

export function isHttpRequest(value: unknown): value is HttpRequestLike {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<HttpRequestLike>).headers === 'object'
  );
}

export function httpFacts(request: HttpRequestLike, response: unknown): InboundFacts {
  const path = (request.originalUrl ?? request.url ?? '').split('?', 1)[0];
  return {
    transport: 'http',
    name: `${request.method ?? ''} ${path}`,
    get payload() {
      return request.body;
    },
    headers: new InboundHeaders(request.headers),
    expectsReply: true,
    raw: request,
    response,
  };
}
