/** Elements of lists and maps in one message, nested ones included: no honest error has as many. */
const MAX_ITEMS = 1_024;
/** Groups in groups, which only a hostile sender writes: the last proto file with a group is from 2008. */
const MAX_GROUPS = 16;

/**
 * Reads protobuf that anybody may have written. It never throws: what cannot be read ends the input and makes `ok`
 * false, and what was read until then is thrown away by the caller.
 */
export class WireReader {
  ok = true;
  readonly #bytes: Buffer;
  #at = 0;
  #end: number;
  #items = 0;
  /** Upper half of the varint that was read last, signed: it has no room in the number. */
  #high = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  get more(): boolean {
    return this.#at < this.#end;
  }

  /** Number of a field and its wire type; 0 when there is none that is valid. */
  tag(): number {
    const tag = this.#varint();
    if (tag > 7 && this.#high === 0) return tag;
    return this.#fail();
  }

  int32(): number {
    return this.#varint() | 0;
  }

  /** The nearest number that says it exactly. */
  int64(): number {
    const low = this.#varint();
    const value = this.#high * 0x1_0000_0000 + low;
    return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
  }

  /** What is not UTF-8 is U+FFFD. */
  text(): string {
    const length = this.#length();
    this.#at += length;
    return textAt(this.#bytes, this.#at - length, this.#at);
  }

  /** A view, not a copy. */
  view(): Buffer {
    const length = this.#length();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** Limits the reader to the message that begins here. Gives what `leave` wants. */
  enter(): number {
    const outer = this.#end;
    this.#end = this.#length() + this.#at;
    return outer;
  }

  leave(outer: number): void {
    this.#end = outer;
  }

  /** Counts an element of a list or a map. */
  countItem(): void {
    if (++this.#items > MAX_ITEMS) this.#fail();
  }

  /** Passes over the value that follows this tag. */
  skip(tag: number, depth = 0): void {
    const wireType = tag & 7;
    if (wireType === 0) this.#varint();
    else if (wireType === 1) this.#advance(8);
    else if (wireType === 2) this.#advance(this.#length());
    else if (wireType === 3 && depth < MAX_GROUPS) this.#skipGroup(tag, depth + 1);
    else if (wireType === 5) this.#advance(4);
    else this.#fail();
  }

  #skipGroup(opening: number, depth: number): void {
    const closing = opening + 1;
    for (let tag = this.tag(); tag !== closing && this.ok; tag = this.tag()) this.skip(tag, depth);
  }

  #length(): number {
    const length = this.#varint();
    return this.#high === 0 && length <= this.#end - this.#at ? length : this.#fail();
  }

  #advance(bytes: number): void {
    if (bytes <= this.#end - this.#at) this.#at += bytes;
    else this.#fail();
  }

  /** Gives the lower 32 bits and leaves the upper ones in `high`. */
  #varint(): number {
    this.#high = 0;
    let low = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) return this.#fail();
      const byte = this.#bytes[this.#at++]!;
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) this.#high = bits >>> 4;
      else if (shift > 28) this.#high |= bits << (shift - 32);
      if (byte < 0x80) return low >>> 0;
    }
    return this.#fail();
  }

  #fail(): 0 {
    this.ok = false;
    this.#high = 0;
    this.#at = this.#bytes.length;
    return 0;
  }
}

/** Beyond it the machine's own decoder is faster than a loop. */
const SHORT_TEXT = 8;

function textAt(bytes: Buffer, from: number, to: number): string {
  if (to - from > SHORT_TEXT) return bytes.toString('utf8', from, to);
  let text = '';
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    if (byte > 0x7f) return bytes.toString('utf8', from, to);
    text += String.fromCharCode(byte);
  }
  return text;
}
