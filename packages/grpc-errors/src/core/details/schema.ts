/** How a field is written. `map` is one of text to text. */
type Kind = 'text' | 'bytes' | 'int32' | 'int64' | 'map' | 'message';

/** How a field departs from a plain field of proto3, which is always there and not written while it is empty. */
interface Traits {
  readonly repeated?: boolean;
  /** Not a property of what is decoded unless it was written. */
  readonly optional?: boolean;
  /** Written even when it is 0: `optional` in the proto file. */
  readonly explicit?: boolean;
}

export interface Field {
  /** What stands before each value: number of the field and wire type, in one byte as all numbers are below 16. */
  readonly tag: number;
  readonly name: string;
  readonly kind: Kind;
  readonly repeated: boolean;
  readonly optional: boolean;
  readonly explicit: boolean;
  /** Type of a `message`. */
  readonly of: MessageType | undefined;
}

/** A message of protobuf as data. `T` is what it is in TypeScript. */
export interface MessageType<T = unknown> {
  /** By number, ascending. */
  readonly fields: readonly Field[];
  /** By number; undefined where there is none. */
  readonly byNumber: readonly (Field | undefined)[];
  /** The values of those that are always there and hold one value, while nothing is written. */
  readonly blank: Readonly<Record<string, unknown>>;
  /** Those that are always there and hold many. */
  readonly collections: readonly Field[];
  /** Never set: for the type checker. */
  readonly of?: T;
}

const LENGTH_DELIMITED = 2;
const VARINT = 0;

const field = (
  number: number,
  name: string,
  kind: Kind,
  traits: Traits = {},
  of?: MessageType,
): Field => ({
  tag: (number << 3) | (kind === 'int32' || kind === 'int64' ? VARINT : LENGTH_DELIMITED),
  name,
  kind,
  repeated: traits.repeated ?? false,
  optional: traits.optional ?? false,
  explicit: traits.explicit ?? false,
  of,
});

type Scalar = (number: number, name: string, traits?: Traits) => Field;

export const text: Scalar = (number, name, traits) => field(number, name, 'text', traits);
export const bytes: Scalar = (number, name, traits) => field(number, name, 'bytes', traits);
export const int32: Scalar = (number, name, traits) => field(number, name, 'int32', traits);
export const int64: Scalar = (number, name, traits) => field(number, name, 'int64', traits);
export const map: Scalar = (number, name, traits) => field(number, name, 'map', traits);
export const one = (number: number, name: string, of: MessageType): Field =>
  field(number, name, 'message', { optional: true }, of);
export const many = (number: number, name: string, of: MessageType): Field =>
  field(number, name, 'message', { repeated: true }, of);

/** A message of these fields, given by ascending number. */
export function message<T>(...fields: Field[]): MessageType<T> {
  const byNumber: Field[] = [];
  const blank: Record<string, unknown> = {};
  const collections: Field[] = [];
  for (const one of fields) {
    byNumber[one.tag >>> 3] = one;
    if (one.repeated || (one.kind === 'map' && !one.optional)) collections.push(one);
    else if (!one.optional) blank[one.name] = EMPTY[one.kind];
  }
  return { fields, byNumber: Array.from(byNumber), blank, collections };
}

const EMPTY: Readonly<Record<string, unknown>> = {
  text: '',
  bytes: Buffer.alloc(0),
  int32: 0,
  int64: 0,
};
