import type { DiscoveryService } from '@nestjs/core';
import { methodsOf } from './decorate.js';
import { planOf } from './method-plan.js';

const PATTERN = 'microservices:pattern';

/** The patterns whose messages are handled in order, as Nest announces them to its servers. */
export function orderedPatterns(discovery: DiscoveryService): ReadonlySet<unknown> {
  const patterns = discovery.getControllers().flatMap(({ metatype }) => {
    const members = metatype ? [...methodsOf(metatype.prototype as object).values()] : [];
    return members.flatMap(({ descriptor }) => patternsOf(descriptor.value as object));
  });
  return new Set(patterns);
}

const patternsOf = (method: object): unknown[] =>
  planOf(method)?.body.some(({ slot }) => slot === 'order')
    ? ([Reflect.getMetadata(PATTERN, method)] as unknown[]).flat()
    : [];
