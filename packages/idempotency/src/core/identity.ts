import { hash } from 'node:crypto';

/** What makes a record: the same key of another tenant, handler or service is another one. */
export interface RecordScope {
  readonly namespace: string;
  /** Undefined where none is asked for, which is not the same as an empty one. */
  readonly principal: string | undefined;
  readonly name: string;
  readonly key: string;
}

/** The name under which a record is stored: SHA-256 in hex. The key itself is never stored or logged. */
export function recordIdOf({ namespace, principal, name, key }: RecordScope): string {
  return digest('record', namespace, principal, name, key);
}

/** The name under which the crashes of a message are counted. No record of a handler has it. */
export const attemptIdOf = (namespace: string, queue: string, messageId: string): string =>
  digest('attempt', namespace, queue, messageId);

/** The name under which is kept what is known of the order of a key. No record of a handler has it. */
export const orderIdOf = (namespace: string, queue: string, key: string): string =>
  digest('order', namespace, queue, key);

/** A key for a call downstream, the same on every attempt: SHA-256 in hex. */
export const derivedKey = (recordId: string, label: string): string =>
  digest('derived', recordId, label);

/** Length-prefixed, so that no choice of characters makes two different scopes look the same. */
function digest(...parts: readonly (string | undefined)[]): string {
  let text = '';
  for (const part of parts)
    text += part === undefined ? '-;' : `${Buffer.byteLength(part)}:${part};`;
  return hash('sha256', text);
}
