type Method = (...args: never[]) => unknown;

/**
 * Makes `replacement` look like `original` to everybody who reads it: metadata of Nest, Swagger and golevelup, own
 * properties, `name` and `length`.
 */
export function dressAs(original: Method, replacement: Method): void {
  for (const key of Reflect.getMetadataKeys(original)) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, original), replacement);
  }
  for (const key of Reflect.ownKeys(original)) {
    if (key === 'prototype' || key === 'arguments' || key === 'caller') continue;
    Object.defineProperty(replacement, key, Object.getOwnPropertyDescriptor(original, key)!);
  }
}

/** A function that only calls `method` and looks like it: what is done to it does not show on the original. */
export function standInFor(method: Method): Method {
  const standIn = function (this: unknown, ...args: never[]): unknown {
    return method.apply(this, args);
  };
  dressAs(method, standIn);
  return standIn;
}
