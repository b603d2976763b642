/** As codes look. A message has blanks and may tell anything: an address, a password, a key. */
const CODE = /^[\w.:-]{1,64}$/;

/** Whether it may be told: one word. */
export function isCode(value: unknown): value is string | number {
  return typeof value === 'number' || (typeof value === 'string' && CODE.test(value));
}

/** Which error it is, in one word that does not tell more: its `code`, or else the name of its class. */
export function errorCodeOf(error: unknown): string {
  const { code, constructor } = (error ?? {}) as {
    readonly code?: unknown;
    readonly constructor?: { readonly name?: unknown };
  };
  const name = error == null ? undefined : constructor?.name;
  const found = [code, name].find(isCode);
  return found === undefined ? 'Error' : String(found);
}
