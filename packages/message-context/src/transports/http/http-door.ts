import type { Contexts } from '../../context/contexts.js';
import type { MessageContext } from '../../context/message-context.js';
import { httpFacts, httpKey, type HttpRequestLike, type HttpResponseLike } from './http-facts.js';
import { HeaderNames } from '../../wire/header-names.js';

/** Nest's HTTP adapter, as far as this door needs it. */
export interface HttpAdapterLike {
  getType(): string;
  getInstance(): unknown;
  use(
    middleware: (request: ExpressRequest, response: ExpressResponse, next: () => void) => void,
  ): unknown;
}

type ExpressRequest = HttpRequestLike;
type ExpressResponse = HttpResponseLike & { setHeader(name: string, value: string): unknown };

interface FastifyLike {
  addHook(name: 'onRequest' | 'preValidation', hook: FastifyHook): unknown;
}
type FastifyHook = (request: HttpRequestLike, reply: FastifyReplyLike, done: () => void) => void;
interface FastifyReplyLike {
  readonly raw: HttpResponseLike;
  header(name: string, value: string): unknown;
}

/** @internal */
export interface HttpDoorParts {
  readonly contexts: Contexts;
  readonly echoCorrelationId: boolean;
}

const DOOR = Symbol.for('@acme/nest-message-context:http-door');

/** Puts the transport door on the HTTP server: before routing, so that 401 and 404 carry the correlation id as well. */
export function installHttpDoor(adapter: HttpAdapterLike, parts: HttpDoorParts): void {
  const marked = adapter as HttpAdapterLike & Record<symbol, boolean>;
  if (marked[DOOR]) return;
  Object.defineProperty(adapter, DOOR, { value: true });
  if (adapter.getType() === 'fastify')
    installOnFastify(adapter.getInstance() as FastifyLike, parts);
  else adapter.use(expressMiddleware(parts));
}

/**
 * Enters the context again where routes begin: what the application's own middleware waited for (a session store, a body
 * parser) may have continued in another context. Fastify's second hook does the same.
 */
export function reenterBeforeRoutes(adapter: HttpAdapterLike, parts: HttpDoorParts): void {
  if (adapter.getType() !== 'express') return;
  adapter.use((request, response, next) => open(request, response, parts).run(next));
}

function expressMiddleware(parts: HttpDoorParts) {
  return (request: ExpressRequest, response: ExpressResponse, next: () => void): void => {
    const context = open(request, response, parts);
    if (parts.echoCorrelationId)
      response.setHeader(HeaderNames.correlationId, context.correlationId);
    context.run(next);
  };
}

/**
 * Two hooks: `onRequest` runs for everything, 404 included, and before the body is there; what follows the parsing of the
 * body runs in the context of the socket, so `preValidation` enters ours again.
 */
function installOnFastify(fastify: FastifyLike, parts: HttpDoorParts): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const context = open(request, reply.raw, parts, reply);
    if (parts.echoCorrelationId) reply.header(HeaderNames.correlationId, context.correlationId);
    context.run(done);
  });
  fastify.addHook('preValidation', (request, reply, done) => {
    open(request, reply.raw, parts, reply).run(done);
  });
}

function open(
  request: HttpRequestLike,
  response: HttpResponseLike,
  { contexts }: HttpDoorParts,
  reply?: unknown,
): MessageContext {
  const context = contexts.openOrJoin(httpKey(request), () => {
    response.on('close', () => {
      if (!response.writableFinished)
        context.message.abandon(new DOMException('The HTTP client went away.', 'AbortError'));
      context.message.end();
    });
    return httpFacts(request, reply ?? response);
  });
  return context;
}
