import type { DiscoveryService } from '@nestjs/core';
import { methodsOf } from './decorate.js';
import { injectByHand, injectedInto, serviceProperty } from './injection.js';
import { planOfMember, type MethodPlan } from './method-plan.js';
import type { BodyStage } from './slots.js';

type Constructor = abstract new (...args: never[]) => unknown;
type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A class of the application, with the objects of it that live as long as the application. */
export interface FoundClass {
  readonly owner: Constructor;
  readonly instances: ReadonlySet<object>;
}

/** A decorated method of the application. */
export interface FoundMethod extends FoundClass {
  readonly plan: MethodPlan;
  /** What stands on the class now: our wrapper, or what a decorator of somebody else made of it. */
  readonly method: (...args: never[]) => unknown;
}

/** Every class of the application that Nest knows an object of, controllers and providers. */
export function classesOf(discovery: DiscoveryService): FoundClass[] {
  const found = new Map<Constructor, Set<object>>();
  for (const wrapper of [...discovery.getProviders(), ...discovery.getControllers()]) {
    const instance: unknown = wrapper.instance;
    const isObject = typeof instance === 'object' && instance !== null;
    const owner: unknown = isObject ? instance.constructor : wrapper.metatype;
    if (typeof owner !== 'function' || !owner.prototype) continue;
    const instances = found.get(owner as Constructor) ?? new Set();
    if (isObject && livesAsLongAsTheApplication(wrapper)) instances.add(instance);
    found.set(owner as Constructor, instances);
  }
  return [...found].map(([owner, instances]) => ({ owner, instances }));
}

export function decoratedMethodsOf({ owner, instances }: FoundClass): FoundMethod[] {
  const members = methodsOf(owner.prototype as object);
  return [...members].flatMap(([key, { descriptor, owner: definedOn }]) => {
    const method = descriptor.value as FoundMethod['method'];
    const plan = planOfMember(definedOn, key, method);
    return plan && plan.body.length + plan.edge.length > 0
      ? [{ owner, instances, plan, method }]
      : [];
  });
}

/**
 * Objects made by `useFactory` or given by `useValue` were not constructed by Nest, so their services are put in here. A
 * given object may have served another application of this process before: the one that boots has it from now on.
 */
export function bindStaticObjects(
  discovery: DiscoveryService,
  methods: readonly FoundMethod[],
): void {
  for (const { plan, instances } of methods) {
    for (const stage of plan.body) {
      const services = servicesOf(discovery, stage);
      for (const instance of instances) {
        const present = injectedInto<object>(instance, serviceProperty(stage));
        if (present && services.includes(present)) continue;
        injectByHand(instance, serviceProperty(stage), services[0]);
      }
    }
  }
}

/** The services of this application that a stage may mean; its modules normally have one. */
export function servicesOf(
  discovery: DiscoveryService,
  { service }: Pick<BodyStage, 'service'>,
): object[] {
  return discovery
    .getProviders()
    .filter((wrapper) => wrapper.token === service && livesAsLongAsTheApplication(wrapper))
    .map(({ instance }) => instance as object)
    .filter(Boolean);
}

/** Nest shows a placeholder for what it makes per request or per injection. */
const livesAsLongAsTheApplication = (wrapper: Wrapper): boolean =>
  wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
