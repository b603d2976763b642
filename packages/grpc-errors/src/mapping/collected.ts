/**
 * Where decorated classes are told while somebody wants to know of them: the command line. Global, because the copy of this package that an application
 * loads may be another one than that of the command line; a service has no such thing, and no class is held.
 */
const COLLECTED = Symbol.for('@acme/nest-grpc-errors:collected/1');

const place = globalThis as { [COLLECTED]?: Set<object> };

/** @internal By the decorator. */
export const collected = (target: object): void => void place[COLLECTED]?.add(target);

/** From now on every class with `@GrpcError()` is in there, by whatever copy of this package. */
export const collect = (): ReadonlySet<object> => (place[COLLECTED] ??= new Set());
