import { expect, it } from 'vitest';
import { callSite, standAt, withoutStack } from '../../src/client/call-site.js';

const error = (cause?: unknown): Error =>
  withoutStack(() => new TypeError('of two\nlines', { cause }));

it('has the frames of the call under its own words, and its cause, below it, has its words', () => {
  const cause = error();
  const made = error(cause);
  standAt(made, { stack: 'Error\n    at here\n    at there' });
  expect(made.stack).toBe('TypeError: of two\nlines\n    at here\n    at there');
  expect(cause.stack).toBe('TypeError: of two\nlines');
});

it('has its own words alone where nothing is known of the call', () => {
  const made = error();
  standAt(made, {});
  expect(made.stack).toBe('TypeError: of two\nlines');
});

it('begins with who has called, and not with what was called', () => {
  const called = (): string => callSite(called).stack ?? '';
  const theCaller = (): string => called();
  expect(theCaller()).toMatch(/^[^\n]*\n {4}at theCaller /);
});

it('keeps a stack that is there, and takes another', () => {
  const own = new Error('own');
  const { stack } = own;
  standAt(own, { stack: 'Error\n    at here' });
  expect(own.stack).toBe(stack);
  const made = error();
  standAt(made, { stack: 'Error\n    at here' });
  made.stack = 'another';
  expect(made.stack).toBe('another');
});

it('leaves other errors their stacks, also where it could not be made', () => {
  const { stackTraceLimit } = Error;
  expect(error().stack).toBeUndefined();
  expect(() =>
    withoutStack(() => {
      throw new RangeError('not made');
    }),
  ).toThrow(RangeError);
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
});
