import type { KeySequence, Span } from './key-sequence.js';
import type { ParkedLine } from './parked-line.js';
import { readSafely } from './read-safely.js';

/** What is kept of a key beyond the death of a process. */
export interface KeyState {
  readonly sequence?: KeySequence | undefined;
  /** Undefined: the key is not stopped. */
  readonly line?: ParkedLine | undefined;
}

export const textOfState = (state: KeyState): string => JSON.stringify(state);

/** Undefined for what is none of ours. */
export function stateIn(text: string): KeyState | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  const [sequence, line] = [readSafely(found, 'sequence'), readSafely(found, 'line')];
  const isOurs =
    (sequence === undefined || isSequence(sequence)) && (line === undefined || isLine(line));
  return isOurs && typeof found === 'object' && found !== null
    ? { sequence: sequence as KeySequence | undefined, line: line as ParkedLine | undefined }
    : undefined;
}

function isSequence(value: unknown): boolean {
  const missing = readSafely(value, 'missing');
  return isCount(readSafely(value, 'last')) && Array.isArray(missing) && missing.every(isSpan);
}

const isSpan = (value: unknown): value is Span =>
  Array.isArray(value) && value.length === 2 && value.every(isCount);

const isLine = (value: unknown): boolean =>
  ['given', 'done', 'since'].every((name) => isCount(readSafely(value, name)));

const isCount = (value: unknown): boolean => Number.isSafeInteger(value);
