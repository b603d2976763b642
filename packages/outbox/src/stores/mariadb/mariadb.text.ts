/** Half a surrogate pair has no UTF-8. It becomes U+FFFD for every driver, and for whoever computes the lane. */
export function wellFormed(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/\p{Surrogate}/gu, '\ufffd') : value;
}

/** JSON that the server reads as it was meant: it knows no escape of half a pair. */
export function json(value: unknown): string {
  const text = JSON.stringify(value);
  if (!/\\ud[89a-f]/i.test(text)) return text;
  return JSON.stringify(value, (_, part: unknown) => wellFormed(part));
}
