import { isObservable, lastValueFrom } from 'rxjs';
import { Contexts, defaultContexts } from '../context/contexts.js';
import { handlerName } from '../context/handler-ref.js';
import { MessageContext } from '../context/message-context.js';
import { signalOf } from '../delivery/outcome-signals.js';
import { StageNotInjectedError } from '../message-context.errors.js';
import { decorator, type StageDecorator } from './decorate.js';
import { handlerKindsAtRuntime } from './handler-kinds.js';
import { injectedInto, injectInto, serviceProperty } from './injection.js';
import {
  addBodyStage,
  answeringPlan,
  markWithPlan,
  planFor,
  type MethodPlan,
} from './method-plan.js';
import type { BodyCall, BodyStage, BodyStageService } from './slots.js';
import { prependFallback } from './fallback.interceptor.js';
import { dressAs } from './wrap-method.js';

type Method = (...args: unknown[]) => unknown;
type Next = () => Promise<unknown>;

const CONTEXTS = Symbol.for('@acme/nest-message-context:contexts');

/**
 * Makes a decorator of a stage that runs around the method: after validation, in slot order, whatever the order in which
 * decorators stand. The decorated method always returns a Promise; an Observable it returns is run to its end inside the
 * stages, its last value is the result.
 */
export function bodyStage<Options>(stage: BodyStage<Options>): StageDecorator {
  return decorator(
    stage.decorator,
    (prototype, name, method) => {
      const plan = planFor(prototype, name);
      addBodyStage(plan, stage as BodyStage);
      injectInto(prototype, serviceProperty(stage), stage.service);
      injectInto(prototype, CONTEXTS, Contexts, { optional: true });
      return wrap(plan, name, method as Method);
    },
    (prototype, name) => planFor(prototype, name).body.some(({ slot }) => slot === stage.slot),
  );
}

function wrap(plan: MethodPlan, name: string | symbol, original: Method): Method {
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    if (plan.outermost !== wrapped || isSuperCall(plan, name, this))
      return original.apply(this, args);
    return runStages(plan, this, args, () => original.apply(this, args));
  };
  dressAs(original, wrapped);
  markWithPlan(wrapped, plan);
  prependFallback(wrapped);
  plan.outermost = wrapped;
  return wrapped;
}

/**
 * `super.m()` inside a protected `m()` of the same object is part of that call, not another one: as far as the override has
 * every stage that its base has. Otherwise the base's own stages run.
 */
function isSuperCall(plan: MethodPlan, name: string | symbol, instance: unknown): boolean {
  if (typeof instance !== 'object' || instance === null) return false;
  const answering = answeringPlan(instance, name);
  if (!answering || answering === plan) return false;
  return plan.body.every(({ slot }) => answering.body.some((stage) => stage.slot === slot));
}

function runStages(
  plan: MethodPlan,
  instance: unknown,
  args: readonly unknown[],
  method: () => unknown,
): Promise<unknown> {
  let call: Omit<BodyCall, 'options'>;
  let chain: Next;
  try {
    call = enter(plan, instance, args);
    chain = stagesAround(plan, call, () => outcomeOf(method));
  } catch (error) {
    return Promise.reject(error as Error);
  }
  const { context } = call;
  if (MessageContext.current() === context) return chain();
  return context.run(() => chain().finally(() => context.message.end()));
}

function stagesAround(
  { body, handler }: MethodPlan,
  call: Omit<BodyCall, 'options'>,
  method: Next,
): Next {
  let next = method;
  for (let index = body.length - 1; index >= 0; index -= 1) {
    const stage = body[index]!;
    const inner = next;
    const service = injectedInto<BodyStageService>(call.instance, serviceProperty(stage));
    if (!service) throw new StageNotInjectedError(stage.decorator, handlerName(handler));
    next = async () => service.around({ ...call, options: stage.options }, inner);
  }
  return next;
}

async function outcomeOf(method: () => unknown): Promise<unknown> {
  const returned = method();
  const result: unknown = isObservable(returned)
    ? await lastValueFrom(returned, { defaultValue: undefined })
    : await returned;
  // A returned signal is a failure like a thrown one: no stage may take it for a result worth keeping.
  if (signalOf(result)) throw result as Error;
  return result;
}

function enter(
  plan: MethodPlan,
  instance: unknown,
  args: readonly unknown[],
): Omit<BodyCall, 'options'> {
  const { handler } = plan;
  const open = MessageContext.current();
  const isHandler =
    open !== undefined &&
    open.message.handler === undefined &&
    !handlerKindsAtRuntime(plan.outermost!).has('method');
  if (isHandler) open.message.handledBy(handler);
  const role = open?.message.handler === handler ? 'handler' : 'method';
  const contexts = injectedInto<Contexts>(instance, CONTEXTS) ?? defaultContexts;
  const context = open ?? contexts.open(methodFacts(plan, args), false);
  return { context, role, handler, args, instance: instance as object };
}

const methodFacts = ({ handler }: MethodPlan, args: readonly unknown[]) => ({
  transport: 'method' as const,
  name: handlerName(handler),
  payload: args[0],
  expectsReply: true,
  raw: args,
});
