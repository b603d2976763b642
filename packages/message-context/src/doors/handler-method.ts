import type { HandlerRef } from '../context/handler-ref.js';
import { methodsOf } from './decorate.js';
import { planOf } from './method-plan.js';

/** A method that messages are delivered to, as it stands on its class: its decorators' metadata can be read from it. */
export interface HandlerMethod {
  readonly handler: HandlerRef;
  /** The class it was found on; the method may be inherited. */
  readonly owner: abstract new (...args: never[]) => unknown;
  readonly method: (...args: never[]) => unknown;
}

/** The method of that name as objects of this kind have it; undefined where they have none. */
export function handlerMethodOf(instance: object, key: string | symbol): HandlerMethod | undefined {
  const owner = instance.constructor as HandlerMethod['owner'];
  const method = (owner.prototype as Record<string | symbol, unknown>)[key];
  if (typeof method !== 'function') return undefined;
  const handler = planOf(method)?.handler ?? { className: owner.name, methodName: String(key) };
  return { handler, owner, method: method as HandlerMethod['method'] };
}

/** Every method of an object's class, inherited ones included. */
export function handlerMethodsOf(instance: object): HandlerMethod[] {
  const keys = methodsOf(Object.getPrototypeOf(instance) as object).keys();
  return [...keys].flatMap((key) => handlerMethodOf(instance, key) ?? []);
}
