import type { DiscoveryService } from '@nestjs/core';
import { methodsOf } from './decorate.js';
import { patternsOf } from './handler-kinds.js';
import { planOf } from './method-plan.js';

/** The patterns whose messages are handled in order, as Nest announces them to its servers. */
export function orderedPatterns(discovery: DiscoveryService): ReadonlySet<unknown> {
  const patterns = discovery.getControllers().flatMap(({ metatype }) => {
    const members = metatype ? [...methodsOf(metatype.prototype as object).values()] : [];
    return members
      .map(({ descriptor }) => descriptor.value as object)
      .filter(isOrdered)
      .flatMap((method) => patternsOf(method));
  });
  return new Set(patterns);
}

/** Whether messages of this method wait for their turn. */
const isOrdered = (method: object): boolean =>
  planOf(method)?.body.some(({ slot }) => slot === 'order') ?? false;
