import { isMessageHandler } from './handler-kinds.js';

type Method = (...args: never[]) => unknown;

/** Gets the prototype and name of a method and its present function; returns the function to put in its place. */
export type MethodTransform = (prototype: object, name: string | symbol, method: Method) => Method;

export type StageDecorator = (
  target: object,
  key?: string | symbol,
  descriptor?: PropertyDescriptor,
) => void;

/**
 * One decorator for a method or for a whole class. On a class it takes every message handler the class has, inherited
 * ones included (the base class stays as it is), except those for which `isSettled` says that their own decorator wins.
 */
export function decorator(
  name: string,
  transform: MethodTransform,
  hasOwn: (prototype: object, key: string | symbol) => boolean,
): StageDecorator {
  return (target, key, descriptor) => {
    if (key === undefined)
      return decorateClass(target as abstract new () => object, transform, hasOwn);
    if (!descriptor || typeof descriptor.value !== 'function') {
      throw new TypeError(
        `${name} belongs on a method or a class, not on ${target.constructor.name}.${String(key)}.`,
      );
    }
    descriptor.value = transform(target, key, descriptor.value as Method);
  };
}

function decorateClass(
  { prototype }: { readonly prototype: object },
  transform: MethodTransform,
  hasOwn: (prototype: object, key: string | symbol) => boolean,
): void {
  for (const [key, descriptor] of methodsOf(prototype)) {
    const method = descriptor.value as Method;
    if (!isMessageHandler(method) || hasOwn(prototype, key)) continue;
    Object.defineProperty(prototype, key, {
      ...descriptor,
      value: transform(prototype, key, method),
    });
  }
}

/** Every method an instance of this prototype has, nearest definition first. */
export function methodsOf(prototype: object): Map<string | symbol, PropertyDescriptor> {
  const methods = new Map<string | symbol, PropertyDescriptor>();
  for (
    let level = prototype;
    level && level !== Object.prototype;
    level = Object.getPrototypeOf(level) as object
  ) {
    for (const key of Reflect.ownKeys(level)) {
      const descriptor = Object.getOwnPropertyDescriptor(level, key)!;
      if (key !== 'constructor' && typeof descriptor.value === 'function' && !methods.has(key)) {
        methods.set(key, descriptor);
      }
    }
  }
  return methods;
}
