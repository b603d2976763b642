import type { HandlerRef } from '../context/handler-ref.js';
import { BODY_SLOTS, EDGE_SLOTS, type BodyStage, type EdgeStage } from './slots.js';

type Method = (...args: never[]) => unknown;

/**
 * Everything the decorators of this family said about one method. There is one plan for a class and method however many
 * decorators stand on it, in whatever order, with whatever foreign decorators between them: that is why the stages run in
 * slot order and not in the order they were written.
 */
export interface MethodPlan {
  readonly handler: HandlerRef;
  readonly body: BodyStage[];
  readonly edge: EdgeStage[];
  /** The wrapper applied last: it runs the stages, inner wrappers of the same plan pass through. */
  outermost: Method | undefined;
  /** Found while decorating, reported at boot. */
  readonly problems: string[];
}

// On the prototype, under a key that all installed copies of this package share.
const PLANS = Symbol.for('@acme/nest-message-context:plans:v1');
const PLAN = Symbol.for('@acme/nest-message-context:plan:v1');

/** The plan of a method of this very class, made when it is not there. */
export function planFor(prototype: object, methodName: string | symbol): MethodPlan {
  const plans = ownPlans(prototype);
  let plan = plans.get(methodName);
  if (!plan) {
    const className = prototype.constructor.name;
    const handler = { className, methodName: String(methodName) };
    plan = { handler, body: [], edge: [], outermost: undefined, problems: [] };
    plans.set(methodName, plan);
  }
  return plan;
}

/** Marks a function as belonging to a plan; metadata is what golevelup copies when it binds a handler. */
export function markWithPlan(method: object, plan: MethodPlan): void {
  Reflect.defineMetadata(PLAN, plan, method);
}

/**
 * The plan that answers for a method of this object: the one of its most derived definition. A call that arrives at another
 * plan is `super.method()` from inside the protected call, part of which it is.
 */
export function answeringPlan(
  instance: object,
  methodName: string | symbol,
): MethodPlan | undefined {
  for (
    let level = Object.getPrototypeOf(instance) as object | null;
    level;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    if (!Object.hasOwn(level, methodName)) continue;
    return Object.hasOwn(level, PLANS) ? ownPlans(level).get(methodName) : undefined;
  }
  return undefined;
}

/** The plan of a function, or undefined when none of our decorators stands on it. */
export function planOf(method: object): MethodPlan | undefined {
  return Reflect.getMetadata(PLAN, method) as MethodPlan | undefined;
}

export function addBodyStage(plan: MethodPlan, stage: BodyStage): void {
  reportSecondInSlot(plan, plan.body, stage);
  plan.body.push(stage);
  plan.body.sort((a, b) => BODY_SLOTS.indexOf(a.slot) - BODY_SLOTS.indexOf(b.slot));
}

export function addEdgeStage(plan: MethodPlan, stage: EdgeStage): void {
  reportSecondInSlot(plan, plan.edge, stage);
  plan.edge.push(stage);
  plan.edge.sort((a, b) => EDGE_SLOTS.indexOf(a.slot) - EDGE_SLOTS.indexOf(b.slot));
}

function reportSecondInSlot(
  plan: MethodPlan,
  stages: readonly { slot: string; decorator: string }[],
  stage: { slot: string; decorator: string },
): void {
  const taken = stages.find(({ slot }) => slot === stage.slot);
  if (!taken) return;
  const { className, methodName } = plan.handler;
  plan.problems.push(
    `${className}.${methodName} has ${taken.decorator} and ${stage.decorator}, which both take the slot "${stage.slot}": remove one of them.`,
  );
}

function ownPlans(prototype: object): Map<string | symbol, MethodPlan> {
  const holder = prototype as Record<symbol, Map<string | symbol, MethodPlan>>;
  if (!Object.hasOwn(prototype, PLANS))
    Object.defineProperty(prototype, PLANS, { value: new Map() });
  return holder[PLANS]!;
}
