/**
 * The messages of one key that are parked because one of them failed, in their order. Each has a place, from 1; the first is the one that
 * has failed.
 */
export interface ParkedLine {
  /** How many places were given. */
  readonly given: number;
  /** How many of them, from the first on, were handled since. */
  readonly done: number;
  /** Of the message with the first place, and of the one with the last: what comes again before it was acked keeps its place. */
  readonly firstId?: string | undefined;
  readonly lastId?: string | undefined;
  /** Unix milliseconds. */
  readonly since: number;
}

/** A message of such a key. */
export interface InLine {
  readonly id: string | undefined;
  /** That it was given when it was parked; undefined where it was not yet. */
  readonly place: number | undefined;
}

/** Whether a message may be handled although its key is stopped: the others before it are through. */
export function mayGo({ done, firstId }: ParkedLine, { id, place }: InLine): boolean {
  // What failed first and comes again was not acked: it fails once more, or all is well.
  if (place === undefined) return id !== undefined && id === firstId && done === 0;
  return place <= done + 1;
}

/** A message is parked: the line that it stands in, and its place there. */
export function joined(
  line: ParkedLine | undefined,
  { id, place }: InLine,
  now: number,
): { readonly line: ParkedLine; readonly place: number } {
  if (!line) return { line: { given: 1, done: 0, firstId: id, lastId: id, since: now }, place: 1 };
  const known = place !== undefined && place <= line.given ? place : placeOf(line, id);
  // Handled by one of several handlers, and then failed by another: what stands behind it waits for it once more.
  if (known !== undefined && known === line.done)
    return { line: { ...line, done: known - 1 }, place: known };
  if (known !== undefined) return { line, place: known };
  const given = line.given + 1;
  return { line: { ...line, given, lastId: id }, place: given };
}

function placeOf({ given, done, firstId, lastId }: ParkedLine, id: string | undefined) {
  if (id === undefined) return undefined;
  if (id === lastId) return given;
  return id === firstId && done === 0 ? 1 : undefined;
}

/** A message of the line was handled: what is left of it, undefined when it was the last one. */
export function leftOf(line: ParkedLine, { place = 1 }: InLine): ParkedLine | undefined {
  const done = Math.max(line.done, place === line.done + 1 ? place : 0);
  return done >= line.given ? undefined : { ...line, done };
}
