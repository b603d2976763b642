/** As codes look: a text with blanks or quotes in it is a message, and may tell a key. */
const CODE = /^[A-Za-z0-9_.:-]{1,64}$/;

/** What sort of error it is, in one word that does not tell more: its `code`, or else the name of its class. */
export function errorCodeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return typeof error;
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'number' || (typeof code === 'string' && CODE.test(code))) return `${code}`;
  const name: unknown = (error as { readonly constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === 'string' && CODE.test(name) ? name : 'Error';
}
