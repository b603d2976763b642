import { Inject, Optional } from '@nestjs/common';
import type { InjectionToken } from '@nestjs/common';

/** Nest's key for properties to inject; the constructor carries `{ key, type }[]`. */
const PROPERTY_DEPENDENCIES = 'self:properties_metadata';

/**
 * Declares a property on the prototype that Nest fills in every instance it constructs, REQUEST and TRANSIENT ones
 * included. The values live beside the instances: no own property appears on the user's objects.
 */
export function injectInto(
  prototype: object,
  property: symbol,
  token: Exclude<InjectionToken, symbol>,
  { optional = false } = {},
): void {
  const declared = (Reflect.getMetadata(PROPERTY_DEPENDENCIES, prototype.constructor) ?? []) as {
    key: unknown;
  }[];
  if (declared.some(({ key }) => key === property)) return;
  Inject(token)(prototype, property);
  if (optional) Optional()(prototype, property);
  const values = new WeakMap<object, unknown>();
  Object.defineProperty(prototype, property, {
    configurable: true,
    get(this: object) {
      return values.get(this);
    },
    set(this: object, value: unknown) {
      values.set(this, value);
    },
  });
}

/** What was injected into this object, or undefined: it may have been made by somebody else than Nest. */
export function injectedInto<T>(instance: unknown, property: symbol): T | undefined {
  if (typeof instance !== 'object' || instance === null) return undefined;
  return (instance as Record<symbol, T | undefined>)[property];
}

/** Fills the property of an object that Nest did not construct (`useFactory`, `useValue`). */
export function injectByHand(instance: object, property: symbol, value: unknown): void {
  (instance as Record<symbol, unknown>)[property] = value;
}

const properties = new WeakMap<object, symbol>();

/** The property a stage's service is injected as. Nest prints it when the service is missing, so it is the remedy itself. */
export function serviceProperty(stage: {
  readonly decorator: string;
  readonly module: string;
}): symbol {
  let property = properties.get(stage);
  if (!property)
    properties.set(stage, (property = Symbol.for(`${stage.decorator} needs ${stage.module}`)));
  return property;
}
