import { ClassSerializerInterceptor, type ExecutionContext } from '@nestjs/common';

type Options = Readonly<Record<string, unknown>>;

/** An interceptor that serializes what handlers return, as Nest's own do, which leave these members to their subclasses. */
export interface Serializer {
  intercept(...args: never[]): unknown;
  /** What it does to a reply; `how` is what `intercept` makes of its options. May return a promise. */
  serialize(reply: unknown, ...how: readonly unknown[]): unknown;
  /** The `@SerializeOptions()` of a handler. */
  getContextOptions(context: ExecutionContext): Options | undefined;
  readonly defaultOptions?: Options | undefined;
}

/** What Nest's two serializers do differently. */
interface Kind {
  /** The further arguments that `intercept` calls `serialize` with. */
  how(defaults: Options, own: Options): readonly unknown[];
  /** Whether they make something else of a plain value, and so may not be applied to their own result. */
  reshapes(how: readonly unknown[]): boolean;
}

const KINDS: Readonly<Record<string, Kind>> = {
  ClassSerializerInterceptor: {
    how: (defaults, own) => [{ ...defaults, ...own }],
    reshapes: ([options]) => (options as Options | undefined)?.['type'] !== undefined,
  },
  // New in Nest 12.
  StandardSchemaSerializerInterceptor: {
    how: (defaults, own) => [
      own['schema'] ?? defaults['schema'],
      own['validateOptions'] ?? defaults['validateOptions'],
    ],
    reshapes: ([schema]) => schema !== undefined,
  },
};

interface Base {
  readonly kind: Kind;
  readonly prototype: Pick<Serializer, 'intercept'>;
}

/** By prototype where it is our copy of Nest, which a bundler may have renamed; by name where it is another one. */
function baseOf(prototype: unknown): Base | undefined {
  for (let level = prototype; level; level = Object.getPrototypeOf(level)) {
    const { constructor } = level as Partial<Record<'constructor', { readonly name?: unknown }>>;
    const name =
      level === ClassSerializerInterceptor.prototype
        ? 'ClassSerializerInterceptor'
        : constructor?.name;
    if (typeof name === 'string' && Object.hasOwn(KINDS, name))
      return { kind: KINDS[name]!, prototype: level as Base['prototype'] };
  }
  return undefined;
}

/** Whether it is one of Nest's serializers or extends one. */
export const isSerializer = (interceptor: unknown): interceptor is Serializer =>
  typeof interceptor === 'object' && baseOf(interceptor) !== undefined;

/** Whether instances of it are serializers. */
export const isSerializerClass = (type: unknown): boolean =>
  typeof type === 'function' && baseOf(type.prototype) !== undefined;

/** Whether it does what Nest's own does with a reply, or something that cannot be told from outside. */
export const interceptsByItself = (serializer: Serializer): boolean =>
  serializer.intercept !== baseOf(serializer)!.prototype.intercept;

export const howOf = (serializer: Serializer, own: Options | undefined): readonly unknown[] =>
  baseOf(serializer)!.kind.how(serializer.defaultOptions ?? {}, own ?? {});

export const reshapes = (serializer: Serializer, how: readonly unknown[]): boolean =>
  baseOf(serializer)!.kind.reshapes(how);
