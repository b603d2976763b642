/** Beyond it the machine's own encoder is faster than a loop. */
const SHORT_TEXT = 48;

/**
 * Writes protobuf from its end to its beginning: so the length of a nested message is known when it is written, and
 * nothing is measured before or moved afterwards.
 */
export class WireWriter {
  #buffer = Buffer.allocUnsafe(512);
  #start = this.#buffer.length;

  /** Length of what is written so far. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  finish(): Buffer {
    return this.#buffer.subarray(this.#start);
  }

  /** An unsigned integer of up to 32 bits: a tag or a length. */
  uint32(value: number): void {
    if (value < 0x80) {
      this.#reserve(1);
      this.#buffer[--this.#start] = value;
    } else {
      this.#varint(value, 0);
    }
  }

  /** A signed integer. What no 64-bit integer can say is the nearest that a number can say exactly; NaN is 0. */
  int64(value: number): void {
    const safe = toSafeInteger(value);
    this.#varint(safe >>> 0, Math.floor(safe / 0x1_0000_0000) >>> 0);
  }

  /** With its length before it, like `text`. */
  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#start -= value.length;
    this.#buffer.set(value, this.#start);
    this.uint32(value.length);
  }

  /** In UTF-8; half of a surrogate pair, which UTF-8 cannot say, is U+FFFD. */
  text(value: string): void {
    if (value.length > SHORT_TEXT || !this.#ascii(value)) this.#utf8(value);
  }

  #ascii(value: string): boolean {
    this.#reserve(value.length);
    let at = this.#start;
    for (let index = value.length - 1; index >= 0; index--) {
      const unit = value.charCodeAt(index);
      if (unit > 0x7f) return false;
      this.#buffer[--at] = unit;
    }
    this.#start = at;
    this.uint32(value.length);
    return true;
  }

  #utf8(value: string): void {
    const length = Buffer.byteLength(value);
    this.#reserve(length);
    this.#start -= length;
    this.#buffer.write(value, this.#start);
    this.uint32(length);
  }

  #varint(low: number, high: number): void {
    this.#reserve(10);
    let at = (this.#start -= varintLength(low, high));
    while (high > 0 || low > 0x7f) {
      this.#buffer[at++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#buffer[at] = low;
  }

  #reserve(bytes: number): void {
    if (this.#start >= bytes) return;
    const written = this.finish();
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, written.length + bytes));
    this.#start = larger.length - written.length;
    larger.set(written, this.#start);
    this.#buffer = larger;
  }
}

function varintLength(low: number, high: number): number {
  const bits = high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(low);
  return Math.max(1, Math.ceil(bits / 7));
}

function toSafeInteger(value: number): number {
  const whole = Math.trunc(value);
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, whole));
}
