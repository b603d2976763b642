/** A value as the broker writes it: with its type where the other side has none. */
export interface WrittenValue {
  readonly text: string;
  readonly type: string | undefined;
}

/** What a broker has against a declaration of what is there already: the first thing that differs. */
export interface Inequivalence {
  /** `durable`, `auto_delete`, `exclusive`, `internal`, `type`, or an argument as `x-message-ttl`. */
  readonly argument: string;
  /** Undefined where it does not say: it cuts its words off after 255 bytes, names included. */
  readonly vhost: string | undefined;
  readonly received: WrittenValue | 'none' | undefined;
  readonly current: WrittenValue | 'none' | undefined;
}

const VALUE = String.raw`(none|the value '.*' of type '\w+'|'.*')`;
const WHOLE = new RegExp(
  String.raw`inequivalent arg '([^']*)' for (?:queue|exchange) '.*' in vhost '(.*)': received ${VALUE} but current is ${VALUE}"?$`,
  's',
);
const CUT = /inequivalent arg '([^']*)'/;
const LOCKED = /RESOURCE_LOCKED|RESOURCE-LOCKED/;

/**
 * Reads the refusal of a declaration (`PRECONDITION_FAILED - inequivalent arg …`), the same from RabbitMQ 3.8 to 4.x; undefined
 * where the words are others. That a queue is exclusive, or is not, is refused as locked.
 */
export function inequivalenceOf(words: string): Inequivalence | undefined {
  const [, argument, vhost, received, current] = WHOLE.exec(words) ?? [];
  if (argument !== undefined)
    return { argument, vhost, received: written(received), current: written(current) };
  const [, cut] = CUT.exec(words) ?? (LOCKED.test(words) ? ['', 'exclusive'] : []);
  return cut === undefined
    ? undefined
    : { argument: cut, vhost: undefined, received: undefined, current: undefined };
}

function written(text = 'none'): WrittenValue | 'none' {
  if (text === 'none') return 'none';
  const [, typed, type] = /^the value '(.*)' of type '(\w+)'$/s.exec(text) ?? [];
  return typed === undefined ? { text: text.slice(1, -1), type: undefined } : { text: typed, type };
}

/** Arguments that are either so or so. */
const FLAGS: readonly string[] = ['durable', 'auto_delete', 'exclusive', 'internal'];

/**
 * What a declaration may have to say instead to be as the broker has it, the likeliest first; undefined: nothing. Where both sides have
 * a value the broker writes it without its type, so that the text `5` and the number 5 look the same.
 */
export function valuesLike(found: Inequivalence, wanted: unknown): unknown[] {
  const { argument, received, current } = found;
  if (FLAGS.includes(argument)) return [wanted !== true];
  if (current === undefined) return [];
  if (current === 'none') return [undefined];
  const { text, type } = current;
  if (type !== undefined) return typedAs(type, text);
  const isSameText = typeof received === 'object' && received.text === text;
  const readings: unknown[] = [text];
  if (text !== '' && Number.isFinite(Number(text))) readings.push(Number(text));
  if (text === 'true' || text === 'false') readings.push(text === 'true');
  // As it is declared, unless that is what differs.
  return readings
    .filter((value) => !(isSameText && typeof value === typeof wanted))
    .toSorted((a, b) => Number(typeof b === typeof wanted) - Number(typeof a === typeof wanted));
}

/** Tables and lists are written in a notation of the broker's own, which nobody can declare. */
function typedAs(type: string, text: string): unknown[] {
  if (type === 'longstr' || type === 'binary') return [text];
  if (type === 'bool') return [text === 'true'];
  return Number.isFinite(Number(text)) && text !== '' ? [Number(text)] : [];
}
