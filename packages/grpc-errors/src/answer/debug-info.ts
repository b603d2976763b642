import type { DebugInfo } from '../core/details/types.js';
import { nameOfError } from './failures.js';
import { readSafely, textIn } from '../core/read-safely.js';

/** Frames beyond these are those of the framework. */
const FRAMES = 20;
const CAUSES = 4;

/** Stack and causes of an error, for developers. */
export function debugInfoOf(error: unknown): DebugInfo {
  const causes: string[] = [];
  let one = error;
  do {
    causes.push(`${nameOfError(one)}: ${textIn(one, 'message') ?? ''}`);
    one = readSafely(one, 'cause');
  } while (one != null && causes.length <= CAUSES);
  const stackEntries = (textIn(error, 'stack') ?? '')
    .split('\n')
    .slice(1, FRAMES + 1)
    .map((line) => line.trim());
  return { stackEntries, detail: causes.join('\nCaused by: ') };
}
