const BETWEEN = ' … ';
const BETWEEN_BYTES = Buffer.byteLength(BETWEEN);

/**
 * A text that every gRPC implementation can carry as the message of a status: grpc-js throws a `URIError` after the
 * handler has returned, and never replies, when there is half of a surrogate pair in it; others end it at a NUL or
 * refuse a header of 8 KiB. Halves and NUL become U+FFFD; of a text that is too long, the beginning and the end are
 * kept, as the end is where causes stand. Never throws: what is no text is made one, or `''`.
 *
 * @param maxBytes in UTF-8
 */
export function statusMessage(text: unknown, maxBytes = 1024): string {
  const sound = textOf(text).toWellFormed().replaceAll('\0', '\ufffd');
  // A UTF-16 unit is at most three bytes.
  if (sound.length * 3 <= maxBytes) return sound;
  const bytes = Buffer.from(sound);
  if (bytes.length <= maxBytes) return sound;
  const room = maxBytes - BETWEEN_BYTES;
  if (room < BETWEEN_BYTES) return bytes.toString('utf8', 0, characterAt(bytes, maxBytes));
  const head = characterAt(bytes, Math.ceil(room / 2));
  const tail = nextCharacterAt(bytes, bytes.length - Math.floor(room / 2));
  return bytes.toString('utf8', 0, head) + BETWEEN + bytes.toString('utf8', tail);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const present: unknown = value ?? '';
  try {
    return String(present);
  } catch {
    return '';
  }
}

const isInside = (bytes: Buffer, index: number): boolean => (bytes[index]! & 0xc0) === 0x80;

/** Where the character begins that has a byte here. */
function characterAt(bytes: Buffer, index: number): number {
  let at = Math.max(0, index);
  while (at > 0 && isInside(bytes, at)) at--;
  return at;
}

function nextCharacterAt(bytes: Buffer, index: number): number {
  let at = index;
  while (at < bytes.length && isInside(bytes, at)) at++;
  return at;
}
