/**
 * The headers of an inbound message, whatever carried them: HTTP headers, gRPC metadata, AMQP headers.
 *
 * Names are case-insensitive. Values keep what the transport gave; `get` reads them as text, `getBinary` as bytes.
 */
export class InboundHeaders {
  readonly #values = new Map<string, readonly unknown[]>();

  /** Takes a plain record; an array is a header that was sent several times. `undefined` and `null` are absent. */
  constructor(source: Readonly<Record<string, unknown>> = {}) {
    for (const name of Object.keys(source)) {
      const value = source[name];
      if (value !== undefined && value !== null) this.add(name.toLowerCase(), value);
    }
  }

  /** The first value as text. Numbers and booleans are written out, bytes are read as UTF-8, tables are not text. */
  get(name: string): string | undefined {
    for (const value of this.values(name)) {
      const text = asText(value);
      if (text !== undefined) return text;
    }
    return undefined;
  }

  /** Every value of this name as text, in the order received. */
  getAll(name: string): string[] {
    return this.values(name).flatMap((value) => asText(value) ?? []);
  }

  /** The first value as bytes; text is encoded as UTF-8. */
  getBinary(name: string): Uint8Array | undefined {
    const value = this.values(name)[0];
    if (value instanceof Uint8Array) return value;
    const text = asText(value);
    return text === undefined ? undefined : Buffer.from(text);
  }

  /** The first value as a finite number, or undefined. */
  getNumber(name: string): number | undefined {
    const text = this.get(name);
    if (text === undefined || text.trim() === '') return undefined;
    const number = Number(text);
    return Number.isFinite(number) ? number : undefined;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  /** Every name present, in lower case. */
  names(): string[] {
    return [...this.#values.keys()];
  }

  private add(key: string, value: unknown): void {
    const present = this.#values.get(key);
    const added: readonly unknown[] = Array.isArray(value)
      ? value.filter((one) => one !== undefined && one !== null)
      : [value];
    if (added.length > 0) this.#values.set(key, present ? [...present, ...added] : added);
  }

  private values(name: string): readonly unknown[] {
    return this.#values.get(name.toLowerCase()) ?? NONE;
  }
}

const NONE: readonly unknown[] = [];

function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  return undefined;
}
