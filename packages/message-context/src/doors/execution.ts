import type { ExecutionContext } from '@nestjs/common';
import { defaultContexts, type Contexts } from '../context/contexts.js';
import type { InboundFacts } from '../context/inbound-message.js';
import { MessageContext } from '../context/message-context.js';
import { golevelupFactsOf } from '../facts/amqp-facts.js';
import { httpFacts, httpKey, isHttpRequest, type HttpResponseLike } from '../facts/http-facts.js';
import { rpcCallOf } from '../facts/rpc-facts.js';
import { handlerKindsAtRuntime } from './handler-kinds.js';
import { planOf } from './method-plan.js';

interface Source {
  readonly key: object;
  readonly facts: () => InboundFacts;
}

/**
 * The context of the message that a guard or interceptor sees: the one a transport door opened, else opened here for the
 * transport's own object, so that guard, interceptor and handler agree. Undefined for what is not a message (GraphQL …).
 */
export function contextOfExecution(
  execution: ExecutionContext,
  contexts: Contexts = defaultContexts,
): MessageContext | undefined {
  const source = sourceOf(execution);
  if (!source) return undefined;
  const current = MessageContext.current();
  const context =
    current?.key === source.key ? current : contexts.openOrJoin(source.key, source.facts);
  // From decoration, not from the function: golevelup binds handlers, so their names say nothing.
  const plan = planOf(execution.getHandler());
  if (plan) context.message.handledBy(plan.handler);
  return context;
}

function sourceOf(execution: ExecutionContext): Source | undefined {
  const args = execution.getArgs<unknown[]>();
  switch (execution.getType<string>()) {
    case 'http': {
      const [request, response] = args as [unknown, HttpResponseLike | undefined];
      return isHttpRequest(request)
        ? { key: httpKey(request), facts: () => httpFacts(request, response) }
        : undefined;
    }
    case 'rpc': {
      const handler = execution.getHandler();
      return rpcCallOf(args, handler.name, !handlerKindsAtRuntime(handler).has('event'));
    }
    // golevelup's own type of context
    case 'rmq': {
      const [payload, raw] = args;
      const facts = golevelupFactsOf(raw, payload);
      return facts && { key: raw as object, facts: () => facts };
    }
    default:
      return undefined;
  }
}
