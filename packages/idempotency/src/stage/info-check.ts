import type { ModulesContainer } from '@nestjs/core';
import { methodsWithInfo } from '../idempotency-info.js';
import { isProtected } from '../idempotent.decorator.js';

/** Parameters that would get no claim, but whatever Nest or the caller passes at their place. */
export function problemsOfInfo(modules: ModulesContainer): string[] {
  const found = [...modules.values()].flatMap(({ controllers, providers }) =>
    [...controllers.values(), ...providers.values()].flatMap(({ metatype }) => {
      const prototype = (metatype as { prototype?: unknown } | null)?.prototype;
      return typeof prototype === 'object' && prototype !== null ? [prototype] : [];
    }),
  );
  return [...new Set(found)].flatMap((prototype) =>
    methodsWithInfo(prototype)
      .filter((key) => !isProtected(prototype, key))
      .map(
        (key) =>
          `@IdempotencyInfo() on ${prototype.constructor.name}.${String(key)}: the method is not protected, so there is no claim to give. Put @Idempotent() on it; code that is called by a protected method uses IdempotencyInfo.current().`,
      ),
  );
}
