import { isObservable, lastValueFrom } from 'rxjs';
import { Contexts, defaultContexts } from '../context/contexts.js';
import { handlerName } from '../context/handler-ref.js';
import { MessageContext } from '../context/message-context.js';
import { storage } from '../context/storage.js';
import { signalOf } from '../delivery/outcome-signals.js';
import { StageNotInjectedError } from '../message-context.errors.js';
import { decorator, type StageDecorator } from './decorate.js';
import { isMessageHandler } from './handler-kinds.js';
import { injectedInto, injectInto, serviceProperty } from './injection.js';
import { addBodyStage, markWithPlan, planFor, type MethodPlan } from './method-plan.js';
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
      return wrap(plan, method as Method);
    },
    (prototype, name) => planFor(prototype, name).body.some(({ slot }) => slot === stage.slot),
  );
}

function wrap(plan: MethodPlan, original: Method): Method {
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    if (plan.outermost !== wrapped || isSuperCall(plan, this)) return original.apply(this, args);
    return storage.frame.run({ plan, instance: this }, () =>
      runStages(plan, this, args, () => original.apply(this, args)),
    );
  };
  dressAs(original, wrapped);
  markWithPlan(wrapped, plan);
  prependFallback(wrapped);
  plan.outermost = wrapped;
  return wrapped;
}

/** `super.m()` inside a protected `m()` of the same object is part of that call, not another one. */
function isSuperCall(plan: MethodPlan, instance: unknown): boolean {
  const frame = storage.frame.getStore();
  return (
    frame !== undefined &&
    frame.instance === instance &&
    frame.plan !== plan &&
    frame.plan.handler.methodName === plan.handler.methodName
  );
}

async function runStages(
  plan: MethodPlan,
  instance: unknown,
  args: readonly unknown[],
  method: () => unknown,
): Promise<unknown> {
  const call = enter(plan, instance, args);
  const body: Next = async () => {
    const result = await drained(method());
    // A returned signal is a failure like a thrown one: no stage may take it for a result worth keeping.
    if (signalOf(result)) throw result as Error;
    return result;
  };
  const chain = plan.body.reduceRight<Next>((next, stage) => {
    const service = injectedInto<BodyStageService>(instance, serviceProperty(stage));
    if (!service) throw new StageNotInjectedError(stage.decorator, handlerName(plan.handler));
    return () => service.around({ ...call, options: stage.options }, next);
  }, body);
  if (MessageContext.current() === call.context) return chain();
  return call.context.run(() => chain().finally(() => call.context.message.end()));
}

function enter(
  plan: MethodPlan,
  instance: unknown,
  args: readonly unknown[],
): Omit<BodyCall, 'options'> {
  const { handler } = plan;
  const open = MessageContext.current();
  const isHandler =
    open !== undefined && open.message.handler === undefined && isMessageHandler(plan.outermost!);
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

function drained(result: unknown): unknown {
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
}
