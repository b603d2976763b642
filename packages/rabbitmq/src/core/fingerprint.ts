import { hash } from 'node:crypto';
import { readSafely, readText, textOf } from './read-safely.js';
import { GIVEN_UP } from './settle-plan.js';

/** Frames below the place of the error tell by which way it was reached, which says less with each. */
const FRAMES = 5;
/** Of text that is searched; what follows tells no bugs apart. */
const SEARCHED_LENGTH = 8_192;
const MESSAGE_LENGTH = 256;

const HOW_IT_ENDED: ReadonlySet<unknown> = new Set(Object.values(GIVEN_UP));

/**
 * 16 hex digits that are the same for one bug, whichever message, host or build met it: of the error's name, its code, its
 * message without what varies, and its first frames as function and file name. For grouping a dead-letter queue; it
 * identifies nothing and guards nothing. Never throws.
 *
 * @param code stands in where the error has none. That trying came to an end (`RETRIES_EXHAUSTED`…) tells nothing of the bug
 */
export function fingerprintOf(error: unknown, code?: string): string {
  const own = readSafely(error, 'code');
  const given = HOW_IT_ENDED.has(code) ? undefined : code;
  const message = textOf(error);
  const parts = [
    readText(error, 'name') ?? typeof error,
    typeof own === 'string' || typeof own === 'number' ? String(own) : (given ?? ''),
    generalised(message),
    ...framesOf(readText(error, 'stack') ?? '', message),
  ];
  return hash('sha256', parts.join('\n'), 'hex').slice(0, 16);
}

/** What stands in quotes, from the first to the last of a kind: a quoted text may hold quotes itself. Never an apostrophe. */
const QUOTED = ['`', '"', "'"].map(
  (quote) => new RegExp(`(?<!\\w)${quote}(?:[^]*${quote}(?!\\w)|[^]*$)`, 'u'),
);

/** A message without quoted parts, addresses, and whatever has a digit in it: numbers, dates, uuids, ids of any make. */
function generalised(message: string): string {
  let text = message.slice(0, SEARCHED_LENGTH);
  for (const quoted of QUOTED) text = text.replace(quoted, '#');
  return text
    .replaceAll(/[^\s@]{1,64}@[^\s@]{1,255}/g, '#')
    .replaceAll(/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/gi, '#')
    .replaceAll(/\w{0,64}\d\w{0,64}/g, '#')
    .replaceAll(/[-+]?#[-+.,:/#]*/g, '#')
    .slice(0, MESSAGE_LENGTH);
}

/** `function@file` of the first frames of our own and of libraries; Node's differ from version to version. */
function framesOf(stack: string, message: string): string[] {
  // A message may quote a stack of somewhere else.
  const start = stack.indexOf(message);
  const frames = start < 0 ? stack : stack.slice(start + message.length);
  return frames
    .slice(0, SEARCHED_LENGTH)
    .split('\n')
    .filter((line) => /^\s{1,16}at /.test(line) && !line.includes('node:'))
    .slice(0, FRAMES)
    .map(knownFrame);
}

/** A program fails in few places, and in each again and again. */
const KNOWN = 1_000;
const known = new Map<string, string>();

function knownFrame(line: string): string {
  let frame = known.get(line);
  if (frame === undefined) {
    frame = frameOf(line);
    // A program that makes its code as it runs has ever new places.
    if (known.size >= KNOWN) known.clear();
    known.set(line, frame);
  }
  return frame;
}

function frameOf(line: string): string {
  const [, where = '', place = ''] = /^\s+at (?:(.{1,200}?) \()?(.*?)\)?\s*$/.exec(line) ?? [];
  const [path = ''] = place.replace(/(?::\d+){1,2}$/, '').split('?');
  const file = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  // Bundlers put a hash into file names.
  return `${where.replace(/^async /, '')}@${file.replaceAll(/\b(?=[a-z]*\d)[\da-z]{6,}\b/gi, '#')}`;
}
