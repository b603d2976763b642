import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { MessageContext } from '../context/message-context.js';
import { httpKey, isHttpRequest } from '../transports/http/http-facts.js';
import { MessageContextLostError, MessageContextMissingError } from '../message-context.errors.js';
import { planOf } from './method-plan.js';

const GUARDS = '__guards__';
const BRAND = Symbol.for('@acme/nest-message-context:entrance:v1');

/** Types of execution that messages have; GraphQL, WebSockets and whatever else runs guards are none of ours. */
const MESSAGES: readonly string[] = ['http', 'rpc', 'rmq'];

/**
 * Tells the message which method handles it, because only Nest knows: it stands on every decorated method and runs when Nest
 * is about to call that method for a message, but not when the user's own code calls it.
 */
const entrance: CanActivate & { readonly [BRAND]: true } = {
  [BRAND]: true,
  canActivate(execution: ExecutionContext): true {
    if (MESSAGES.includes(execution.getType<string>())) enter(execution);
    return true;
  },
};

function enter(execution: ExecutionContext): void {
  const context = MessageContext.current();
  if (execution.getType<string>() === 'http') assertOfRequest(context, execution);
  if (!context) throw new MessageContextMissingError();
  // From decoration, not from the function: golevelup binds handlers, so their names say nothing.
  const plan = planOf(execution.getHandler());
  if (plan) context.message.handledBy(plan.handler);
}

/** Between the door and the routes anybody's middleware may run, and continue in the context of a pool or a socket. */
function assertOfRequest(context: MessageContext | undefined, execution: ExecutionContext): void {
  const [request] = execution.getArgs<unknown[]>();
  if (isHttpRequest(request) && context?.key !== httpKey(request))
    throw new MessageContextLostError(execution.getClass().name, execution.getHandler().name);
}

/** Puts the entrance before the method's own guards; found by brand, so two copies of this package add one. */
export function markEntrance(method: object): void {
  if (!hasEntrance(method)) Reflect.defineMetadata(GUARDS, [entrance, ...guardsOf(method)], method);
}

/** Whether Nest will say so when it hands a message to this method. */
export const hasEntrance = (method: object): boolean => guardsOf(method).some(isEntrance);

export const isEntrance = (guard: unknown): boolean =>
  (guard as Partial<typeof entrance> | undefined)?.[BRAND] === true;

const guardsOf = (method: object): unknown[] =>
  (Reflect.getMetadata(GUARDS, method) ?? []) as unknown[];
