/** Longer or stranger ids are not taken over: they come from outside and end up in logs and headers. */
const ACCEPTABLE = /^[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?$/;

/** Whether an id from outside may travel on: 1 to 128 printable ASCII characters, no blank at either end. */
export function isAcceptableId(id: string | undefined): id is string {
  return id !== undefined && ACCEPTABLE.test(id);
}

/** The first acceptable id, else a new one. */
export function correlationIdFrom(
  candidates: readonly (string | undefined)[],
  generate: () => string,
): string {
  return candidates.find(isAcceptableId) ?? generate();
}
