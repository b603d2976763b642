import { isObservable } from 'rxjs';
import { Contexts, defaultContexts } from '../context/contexts.js';
import { handlerName } from '../context/handler-ref.js';
import { MessageContext } from '../context/message-context.js';
import { storage, type Frame } from '../context/storage.js';
import { signalOf } from '../delivery/outcome-signals.js';
import { StageNotInjectedError } from '../message-context.errors.js';
import { decorator, type StageDecorator } from './decorate.js';
import { markEntrance } from './entrance.js';
import { injectedInto, injectInto, serviceProperty } from './injection.js';
import { lastValueOf } from './last-value.js';
import {
  addBodyStage,
  markWithPlan,
  overriddenPlan,
  planFor,
  type MethodPlan,
} from './method-plan.js';
import type { BodyCall, BodyStage, BodyStageService } from './slots.js';
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
  return decorator({
    decorator: stage.decorator,
    kind: 'body',
    slot: stage.slot,
    apply: (prototype, key, method, level) => {
      const plan = planFor(prototype, key);
      addBodyStage(plan, stage as BodyStage, level);
      injectInto(prototype, serviceProperty(stage), stage.service);
      injectInto(prototype, CONTEXTS, Contexts, { optional: true });
      const isWrapped = plan.outermost === method;
      return isWrapped ? method : wrap(plan, method as Method, overriddenPlan(prototype, key));
    },
  });
}

function wrap(plan: MethodPlan, original: Method, overridden: MethodPlan | undefined): Method {
  const isInnermost = plan.outermost === undefined;
  // Only where something could pass: behind this wrapper stands another one, of this plan or of a base class.
  const leavesFrame = !isInnermost || overridden !== undefined;
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    const method = (): unknown => original.apply(this, args);
    const frame = frameOf(this);
    if (frame && isSuperCall(frame, plan)) return method();
    if (frame && isOnItsWayIn(frame, plan, wrapped))
      return isInnermost ? storage.frame.run({ ...frame, isInside: true }, method) : method();
    return runStages(plan, this, args, method, leavesFrame ? { isInside: isInnermost } : undefined);
  };
  dressAs(original, wrapped);
  markWithPlan(wrapped, plan);
  markEntrance(wrapped);
  plan.outermost = wrapped;
  return wrapped;
}

/** The decorated method that runs on this object for the message at hand, and lets others pass. */
function frameOf(instance: unknown): Frame | undefined {
  const frame = storage.frame.getStore();
  return frame?.instance === instance && frame?.context === MessageContext.current()
    ? frame
    : undefined;
}

/**
 * `super.m()` inside a protected `m()` of the same object is part of that call, not another one: as far as the override has
 * every stage that its base has. Otherwise the base's own stages run.
 */
const isSuperCall = (frame: Frame, plan: MethodPlan): boolean =>
  frame.plan !== plan &&
  frame.plan.key === plan.key &&
  plan.body.every(({ slot }) => frame.plan.body.some((stage) => stage.slot === slot));

/**
 * The outermost wrapper has run the stages, and this one stands between it and the method. Reached in any other way (a
 * decorator of somebody else kept the function under a second name) it runs the stages itself.
 */
const isOnItsWayIn = (frame: Frame, plan: MethodPlan, wrapper: Method): boolean =>
  frame.plan === plan && !frame.isInside && plan.outermost !== wrapper;

function runStages(
  plan: MethodPlan,
  instance: unknown,
  args: unknown[],
  method: () => unknown,
  frame: Pick<Frame, 'isInside'> | undefined,
): Promise<unknown> {
  let call: Omit<BodyCall, 'options'>;
  let stages: Next;
  try {
    call = enter(plan, instance, args);
    stages = stagesAround(plan, call, () => outcomeOf(method, call));
  } catch (error) {
    return Promise.reject(error as Error);
  }
  const chain: Next = () => {
    try {
      return stages();
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };
  const { context } = call;
  const inFrame: Next = frame
    ? () => storage.frame.run({ ...frame, plan, instance, context }, chain)
    : chain;
  // A plain call has neither caller nor deadline: there is no signal that its end would have to silence.
  return MessageContext.current() === context ? inFrame() : context.run(inFrame);
}

function stagesAround({ body }: MethodPlan, call: Omit<BodyCall, 'options'>, method: Next): Next {
  const { context, role, handler, args, instance } = call;
  // Every promise costs as much as a stage, so nothing here is async that need not be.
  let next = method;
  for (let index = body.length - 1; index >= 0; index -= 1) {
    const stage = body[index]!;
    const inner = next;
    const service = injectedInto<BodyStageService>(instance, serviceProperty(stage));
    if (!service) throw new StageNotInjectedError(stage.decorator, handlerName(handler));
    const { options } = stage;
    next = () => service.around({ context, role, handler, args, instance, options }, inner);
  }
  return next;
}

async function outcomeOf(method: () => unknown, call: Omit<BodyCall, 'options'>): Promise<unknown> {
  const { role, context } = call;
  const { message } = context;
  if (role === 'handler') message.isTaken = true;
  try {
    const returned = method();
    const result: unknown = isObservable(returned)
      ? await lastValueOf(returned, call)
      : await returned;
    // A returned signal is a failure like a thrown one: no stage may take it for a result worth keeping.
    if (signalOf(result)) throw result as Error;
    return result;
  } catch (error) {
    if (role === 'handler') message.isTaken = false;
    throw error;
  }
}

function enter(plan: MethodPlan, instance: unknown, args: unknown[]): Omit<BodyCall, 'options'> {
  const { handler } = plan;
  const open = MessageContext.current();
  const role = open && isHandling(open, plan) ? 'handler' : 'method';
  const contexts = injectedInto<Contexts>(instance, CONTEXTS) ?? defaultContexts;
  const context = open ?? contexts.open(methodFacts(plan, args), false);
  return { context, role, handler, args, instance: instance as object };
}

/** Whether this call is the one that handles the message (`entrance` was told), and not one that its handling makes. */
const isHandling = ({ message }: MessageContext, { handler }: MethodPlan): boolean =>
  message.handler === handler && !message.isTaken;

const methodFacts = ({ handler }: MethodPlan, args: readonly unknown[]) => ({
  transport: 'method' as const,
  name: handlerName(handler),
  payload: args[0],
  expectsReply: true,
  raw: args,
});
