import type { Logger } from '@nestjs/common';
import { describe } from '../core/read-safely.js';

/** Does something; gives undefined where that has thrown. */
export type Harmless = <T>(work: () => T) => T | undefined;

/** Around what runs samplers, propagators and processors of spans: they are the application's, and where they throw, calls must not fail of it. Told of once. */
export function harmless(log: Pick<Logger, 'error'>): Harmless {
  let isTold = false;
  return (work) => {
    try {
      return work();
    } catch (problem) {
      if (!isTold)
        log.error(
          `OpenTelemetry has failed: ${describe(problem)}. Calls go on, and some have no span or half of one.`,
        );
      isTold = true;
      return undefined;
    }
  };
}
