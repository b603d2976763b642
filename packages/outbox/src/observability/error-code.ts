/** As codes look. A message has blanks and may tell anything: an address, a password, a key. */
const CODE = /^[\w.:-]{1,64}$/;

/** Which error it is, in one word: the `reason` of a publisher, the `code`, or the name of the class. */
export function errorCodeOf(error: unknown): string {
  const { reason, code } = (error ?? {}) as { readonly reason?: unknown; readonly code?: unknown };
  const name = (error as { readonly constructor?: { readonly name?: unknown } } | null)?.constructor
    ?.name;
  const found = [reason, code, name].find(isCode);
  return found === undefined ? 'Error' : String(found);
}

function isCode(value: unknown): value is string | number {
  return typeof value === 'number' || (typeof value === 'string' && CODE.test(value));
}
