import type { HandlerRef } from '../context/handler-ref.js';
import { BODY_SLOTS, EDGE_SLOTS, type BodyStage, type EdgeStage } from './slots.js';

type Method = (...args: never[]) => unknown;

/** Where a stage of a plan was said: on the method, on the class for all its handlers, or so on a base class. */
type Level = 'method' | 'class' | 'base class';

/**
 * Everything the decorators of this family said about one method. There is one plan for a class and method however many
 * decorators stand on it, in whatever order, with whatever foreign decorators between them: that is why the stages run in
 * slot order and not in the order they were written.
 */
export interface MethodPlan {
  readonly handler: HandlerRef;
  readonly key: string | symbol;
  readonly body: BodyStage[];
  readonly edge: EdgeStage[];
  readonly levels: Map<BodyStage | EdgeStage, Level>;
  /** The wrapper applied last: it runs the stages, inner wrappers of the same plan pass through. */
  outermost: Method | undefined;
  /** Found while decorating, reported at boot. */
  readonly problems: string[];
}

// On the prototype, under a key that all installed copies of this package share.
const PLANS = Symbol.for('@acme/nest-message-context:plans:v1');
const PLAN = Symbol.for('@acme/nest-message-context:plan:v1');

/** The plan of a method of this very class, made when it is not there. */
export function planFor(prototype: object, key: string | symbol): MethodPlan {
  const plans = ownPlans(prototype);
  let plan = plans?.get(key);
  if (!plan) {
    plan = emptyPlan({ className: prototype.constructor.name, methodName: String(key) }, key);
    plansOn(prototype).set(key, plan);
  }
  return plan;
}

/**
 * Gives a class a plan of its own for a method it inherits, with what was said about it where it comes from. It is still the
 * same handler: who inherits it without a decorator on the class has it under that name, too.
 */
export function inheritPlan(prototype: object, key: string | symbol, base: MethodPlan): void {
  const plan = emptyPlan(base.handler, key);
  plan.body.push(...base.body);
  plan.edge.push(...base.edge);
  for (const [stage, level] of base.levels)
    plan.levels.set(stage, level === 'method' ? 'method' : 'base class');
  plansOn(prototype).set(key, plan);
}

/** Marks a function as belonging to a plan; metadata is what golevelup copies when it binds a handler. */
export function markWithPlan(method: object, plan: MethodPlan): void {
  Reflect.defineMetadata(PLAN, plan, method);
}

/** The plan of a function, or undefined when none of our decorators stands on it. */
export function planOf(method: object): MethodPlan | undefined {
  return Reflect.getMetadata(PLAN, method) as MethodPlan | undefined;
}

/** The plan of a method as its class has it, also where a decorator of somebody else replaced the function without its metadata. */
export function planOfMember(
  prototype: object,
  key: string | symbol,
  method: object,
): MethodPlan | undefined {
  return planOf(method) ?? ownPlans(prototype)?.get(key);
}

/** The plan of the nearest decorated definition above, also behind an override that lost it already. */
export function overriddenPlan(prototype: object, key: string | symbol): MethodPlan | undefined {
  for (
    let level = Object.getPrototypeOf(prototype) as object | null;
    level;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    const method: unknown = Object.getOwnPropertyDescriptor(level, key)?.value;
    const plan = typeof method === 'function' ? planOfMember(level, key, method) : undefined;
    if (plan) return plan;
  }
  return undefined;
}

/** Whether the slot was taken by a decorator on the method itself, before which one on the class gives way. */
export function isTakenByMethod(
  plan: MethodPlan | undefined,
  kind: 'body' | 'edge',
  slot: string,
): boolean {
  const stages: readonly (BodyStage | EdgeStage)[] = plan?.[kind] ?? [];
  return stages.some((stage) => stage.slot === slot && plan?.levels.get(stage) === 'method');
}

export function addBodyStage(plan: MethodPlan, stage: BodyStage, level: Level): void {
  add(plan, plan.body, stage, level);
  plan.body.sort((a, b) => BODY_SLOTS.indexOf(a.slot) - BODY_SLOTS.indexOf(b.slot));
}

export function addEdgeStage(plan: MethodPlan, stage: EdgeStage, level: Level): void {
  add(plan, plan.edge, stage, level);
  plan.edge.sort((a, b) => EDGE_SLOTS.indexOf(a.slot) - EDGE_SLOTS.indexOf(b.slot));
}

function add<Stage extends BodyStage | EdgeStage>(
  plan: MethodPlan,
  stages: Stage[],
  stage: Stage,
  level: Level,
): void {
  const index = stages.findIndex(({ slot }) => slot === stage.slot);
  const taken = stages[index];
  if (taken && plan.levels.get(taken) === 'base class') stages.splice(index, 1);
  else if (taken) reportSecondInSlot(plan, taken, stage);
  stages.push(stage);
  plan.levels.set(stage, level);
}

function reportSecondInSlot(
  { handler: { className, methodName }, problems }: MethodPlan,
  taken: { readonly decorator: string },
  stage: { readonly slot: string; readonly decorator: string },
): void {
  problems.push(
    `${className}.${methodName} has ${taken.decorator} and ${stage.decorator}, which both take the slot "${stage.slot}": remove one of them.`,
  );
}

const emptyPlan = (handler: HandlerRef, key: string | symbol): MethodPlan => ({
  handler,
  key,
  body: [],
  edge: [],
  levels: new Map(),
  outermost: undefined,
  problems: [],
});

function ownPlans(prototype: object): Map<string | symbol, MethodPlan> | undefined {
  return Object.getOwnPropertyDescriptor(prototype, PLANS)?.value as
    Map<string | symbol, MethodPlan> | undefined;
}

function plansOn(prototype: object): Map<string | symbol, MethodPlan> {
  const present = ownPlans(prototype);
  if (present) return present;
  const plans = new Map<string | symbol, MethodPlan>();
  Object.defineProperty(prototype, PLANS, { value: plans });
  return plans;
}
