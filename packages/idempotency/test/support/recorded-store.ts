import { InMemoryIdempotencyStore } from '@acme/nest-idempotency';

/** A store in memory that shows every text it was given, so that a test can look into what is kept. */
export function recordedStore(inner = new InMemoryIdempotencyStore()) {
  const texts: string[] = [];
  const collect = (value: unknown): void => {
    if (typeof value === 'string') texts.push(value);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(collect);
  };
  const store = new Proxy(inner, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        collect(args);
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
  return { store, texts };
}
