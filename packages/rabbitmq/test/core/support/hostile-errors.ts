const always = () => {
  throw new Error('no');
};

/** A proxy whose every trap throws. */
function trapped(target: object): object {
  const traps = ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor'] as const;
  return new Proxy(target, Object.fromEntries(traps.map((trap) => [trap, always])));
}

function circular(): Error {
  const [one, other] = [new Error('one'), new Error('other')];
  one.cause = other;
  other.cause = one;
  return one;
}

function deep(): Error {
  let error = new Error('deepest');
  for (let i = 0; i < 50_000; i++) error = Object.assign(new Error(`at ${i}`), { cause: error });
  return error;
}

/** What a handler may throw besides an error. */
export function hostileErrors(): [string, () => unknown][] {
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  // The stack first: replacing it makes V8 write it out, for which it asks for name and message.
  const throwing = ['stack', 'name', 'message', 'code', 'cause', 'constructor'];
  const getters = Object.fromEntries(throwing.map((name) => [name, { get: always }]));
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  const errors: [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['a text', 'oops'],
    ['an empty text', ''],
    ['a number', 42],
    ['a bigint', 42n],
    ['a symbol', Symbol('oops')],
    ['a function', () => 1],
    ['a proxy that throws', trapped({})],
    ['a proxy of an error that throws', trapped(new Error('inner'))],
    ['a proxy of a function that throws', trapped(() => 1)],
    ['a revoked proxy', revoked.proxy],
    ['getters that throw', Object.defineProperties({}, getters)],
    ['getters that throw, on an error', Object.defineProperties(new Error('x'), getters)],
    ['an object without a prototype', Object.create(null)],
    ['toString that throws', { toString: always, [Symbol.toPrimitive]: always }],
    ['toStringTag that throws', Object.defineProperty({}, Symbol.toStringTag, { get: always })],
    ['an object that contains itself', loop],
    ['causes in a circle', circular()],
    ['a long chain of causes', deep()],
    ['a cause that is no error', new Error('x', { cause: 'y' })],
    ['itself as its cause', Object.assign(new Error('x'), { cause: undefined })],
    ['a huge message', new Error('m'.repeat(20_000_000))],
    ['a huge text', 's'.repeat(20_000_000)],
    ['a huge stack', Object.assign(new Error('x'), { stack: 'at x\n'.repeat(2_000_000) })],
    ['a huge object', { list: Array.from({ length: 100_000 }, (_, i) => ({ i })) }],
    ['fields that are no text', { name: 1, message: {}, stack: [], code: Symbol('c') }],
    ['no name and no message', Object.assign(new Error(''), { name: '' })],
    ['NUL and halves of pairs', new Error('a\0b\ud83d c \ude00')],
  ];
  // Behind a function: the title of a test would be written out of them.
  return errors.map(([name, error]) => [name, () => error]);
}
