import { isMessageHandler } from './handler-kinds.js';
import { inheritPlan, isTakenByMethod, planFor, planOf } from './method-plan.js';
import { standInFor } from './wrap-method.js';

type Method = (...args: never[]) => unknown;

/** What one decorator does to one method. */
export interface StageApplication {
  /** As a user writes it, for messages. */
  readonly decorator: string;
  readonly kind: 'body' | 'edge';
  readonly slot: string;
  /** Returns the function to put in the method's place. */
  apply(prototype: object, key: string | symbol, method: Method, level: 'method' | 'class'): Method;
}

/** For a method, or for a class: there it takes every message handler the class has. */
export type StageDecorator = (
  target: object,
  key?: string | symbol,
  descriptor?: PropertyDescriptor,
) => void;

/**
 * One decorator for a method or for a whole class. On a class it takes every message handler the class has, inherited
 * ones included (the base class stays as it is), except those whose own decorator takes the same slot.
 */
export function decorator(stage: StageApplication): StageDecorator {
  return (target, key, descriptor) => {
    if (key === undefined && descriptor === undefined && typeof target === 'function')
      return decorateClass(target as abstract new () => object, stage);
    const isStatic = typeof target === 'function';
    if (key === undefined || isStatic || typeof descriptor?.value !== 'function') {
      throw new TypeError(
        `${stage.decorator} belongs on a method of objects or on a class, not on ${nameOf(target, key)}.`,
      );
    }
    descriptor.value = stage.apply(target, key, descriptor.value as Method, 'method');
  };
}

function decorateClass(
  { prototype }: { readonly prototype: object },
  stage: StageApplication,
): void {
  for (const [key, { descriptor, owner }] of methodsOf(prototype)) {
    const method = descriptor.value as Method;
    if (!isMessageHandler(method)) continue;
    const inherited = owner !== prototype;
    const plan = inherited ? planOf(method) : planFor(prototype, key);
    if (isTakenByMethod(plan, stage.kind, stage.slot)) continue;
    if (inherited && plan) inheritPlan(prototype, key, plan);
    // What the decorator does to an inherited function and its metadata must not show on the base class.
    const own = inherited ? standInFor(method) : method;
    Object.defineProperty(prototype, key, {
      ...descriptor,
      value: stage.apply(prototype, key, own, 'class'),
    });
  }
}

/** A method and the prototype that defines it. */
export interface Member {
  readonly descriptor: PropertyDescriptor;
  readonly owner: object;
}

/** Every method an instance of this prototype has, nearest definition first. */
export function methodsOf(prototype: object): Map<string | symbol, Member> {
  const members = new Map<string | symbol, Member>();
  for (
    let owner = prototype;
    owner && owner !== Object.prototype;
    owner = Object.getPrototypeOf(owner) as object
  ) {
    for (const key of Reflect.ownKeys(owner)) {
      const descriptor = Object.getOwnPropertyDescriptor(owner, key)!;
      if (key !== 'constructor' && !members.has(key)) members.set(key, { descriptor, owner });
    }
  }
  return new Map([...members].filter(([, { descriptor }]) => isMethod(descriptor)));
}

const isMethod = ({ value }: PropertyDescriptor): boolean => typeof value === 'function';

function nameOf(target: object, key: string | symbol | undefined): string {
  if (key === undefined) return 'a parameter';
  return typeof target === 'function'
    ? `the static ${target.name}.${String(key)}`
    : `${target.constructor.name}.${String(key)}`;
}
