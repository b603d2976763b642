const MARK = '…';
const MARK_BYTES = Buffer.byteLength(MARK);
/** What takes four is two units long. */
const MOST_BYTES_OF_A_UNIT = 3;

/**
 * Text that takes `maxBytes` of UTF-8 at most, for places with a limit in bytes. A character is kept whole or not at all, and
 * what was cut ends in "…". NUL and halves of surrogate pairs become U+FFFD: viewers and databases refuse them.
 */
export function cutText(text: string, maxBytes: number): string {
  if (text.length * MOST_BYTES_OF_A_UNIT <= maxBytes) return presentable(text);
  // Whole only as far as it can matter: each unit is a byte at least, and texts of megabytes do get here.
  const bytes = Buffer.from(presentable(text.slice(0, maxBytes + 1)));
  if (bytes.length <= maxBytes) return bytes.toString('utf8');
  const room = maxBytes - MARK_BYTES;
  return room < 0 ? '' : wholeCharacters(bytes, room) + MARK;
}

/**
 * The lines of a text that fit into `maxBytes` of UTF-8 together, for what is read line by line; a first line that is too
 * long by itself is cut like any text.
 */
export function cutLines(text: string, maxBytes: number): string {
  const bytes = Buffer.from(presentable(text.slice(0, maxBytes + 1)));
  if (bytes.length <= maxBytes) return bytes.toString('utf8');
  // The byte after the room may be the line's end itself.
  const end = bytes.lastIndexOf('\n', maxBytes);
  return end > 0 ? bytes.toString('utf8', 0, end) : cutText(text, maxBytes);
}

const presentable = (text: string): string =>
  // Far quicker than to search, and nearly always so.
  text.isWellFormed() && !text.includes('\0')
    ? text
    : text.replace(/[\0\p{Surrogate}]/gu, '\uFFFD');

function wholeCharacters(bytes: Buffer, room: number): string {
  let end = room;
  // 10xxxxxx continues a character.
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
