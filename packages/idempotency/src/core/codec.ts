/** The member that marks what JSON has no form for. A plain object that has it, too, is marked itself. */
const TAG = '$idempotency';

type Tagged = { readonly [TAG]: string; readonly value?: unknown };

/** Why a value cannot be kept; `class` when it would lose its class, `form` when it has no stored form at all. */
export type Unstorable = { readonly kind: 'class' | 'form'; readonly what: string };

class UnstorableValue extends Error {
  constructor(readonly reason: Unstorable) {
    super(reason.what);
  }
}

/**
 * Writes a handler's result so that `decode` gives an equal one: JSON, and beyond it `undefined`, `Date`, `BigInt`,
 * `Buffer`, `Uint8Array`, `Map`, `Set`, `NaN`, the infinities and -0.
 *
 * Class instances are refused: their stored copy would have lost the class, and with it what a serializer leaves out.
 */
export function encode(value: unknown): { readonly text: string } | Unstorable {
  try {
    return { text: JSON.stringify(toJson(value, new Set())) };
  } catch (error) {
    if (error instanceof UnstorableValue) return error.reason;
    if (error instanceof RangeError) return { kind: 'form', what: 'a value nested too deeply' };
    throw error;
  }
}

/** @throws SyntaxError or TypeError when the text was not written by `encode` */
export const decode = (text: string): unknown => fromJson(JSON.parse(text));

function toJson(value: unknown, within: Set<object>): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'undefined':
      return { [TAG]: 'undefined' };
    case 'bigint':
      return { [TAG]: 'bigint', value: String(value) };
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { [TAG]: 'number', value: Object.is(value, -0) ? '-0' : String(value) };
    case 'object':
      return value === null ? null : objectToJson(value, within);
    default:
      throw new UnstorableValue({ kind: 'form', what: `a ${typeof value}` });
  }
}

function objectToJson(value: object, within: Set<object>): unknown {
  if (within.has(value)) throw new UnstorableValue({ kind: 'form', what: 'a circular structure' });
  within.add(value);
  const inner = (one: unknown): unknown => toJson(one, within);
  const json = specialToJson(value, inner) ?? plainToJson(value, inner);
  within.delete(value);
  return json;
}

function specialToJson(value: object, inner: (one: unknown) => unknown): unknown {
  if (Array.isArray(value)) return Array.from(value, inner);
  const tagged = (tag: string, member: unknown): Tagged => ({ [TAG]: tag, value: member });
  switch (Object.getPrototypeOf(value)) {
    case Date.prototype:
      return tagged('date', inner((value as Date).getTime()));
    case Buffer.prototype:
      return tagged('buffer', (value as Buffer).toString('base64'));
    case Uint8Array.prototype:
      return tagged('bytes', Buffer.from(value as Uint8Array).toString('base64'));
    case Map.prototype:
      return tagged('map', [...(value as Map<unknown, unknown>)].flat(1).map(inner));
    case Set.prototype:
      return tagged('set', [...(value as Set<unknown>)].map(inner));
    default:
      return undefined;
  }
}

function plainToJson(value: object, inner: (one: unknown) => unknown): unknown {
  const prototype = Object.getPrototypeOf(value) as object | null;
  // The Object of another realm (vm, worker) counts as plain, too.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new UnstorableValue({
      kind: 'class',
      what: `an instance of ${(value.constructor as { name?: string } | undefined)?.name ?? 'a class'}`,
    });
  }
  const members = Object.entries(value).map(([name, member]) => [name, inner(member)] as const);
  // fromEntries defines members, so one that is called __proto__ stays a member.
  const plain = Object.fromEntries(members);
  return Object.hasOwn(plain, TAG) ? { [TAG]: 'object', value: Object.entries(plain) } : plain;
}

function fromJson(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(fromJson);
  if (Object.hasOwn(json, TAG)) return fromTagged(json as Tagged);
  return fromMembers(Object.entries(json));
}

const fromMembers = (members: readonly (readonly [string, unknown])[]): object =>
  Object.fromEntries(members.map(([name, member]) => [name, fromJson(member)]));

function fromTagged({ [TAG]: tag, value }: Tagged): unknown {
  switch (tag) {
    case 'undefined':
      return undefined;
    case 'bigint':
      return BigInt(value as string);
    case 'number':
      return Number(value);
    case 'date':
      return new Date(fromJson(value) as number);
    case 'buffer':
      return Buffer.from(value as string, 'base64');
    case 'bytes':
      return new Uint8Array(Buffer.from(value as string, 'base64'));
    case 'map':
      return new Map(pairs((value as unknown[]).map(fromJson)));
    case 'set':
      return new Set((value as unknown[]).map(fromJson));
    case 'object':
      return fromMembers(value as [string, unknown][]);
    default:
      throw new TypeError(`A stored value has the unknown form "${tag}".`);
  }
}

function* pairs(flat: readonly unknown[]): Iterable<[unknown, unknown]> {
  for (let at = 0; at < flat.length; at += 2) yield [flat[at], flat[at + 1]];
}
