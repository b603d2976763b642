import { durationText, isMisfit, OptionsCheck, show } from '@acme/nest-message-context/kit';
import { describe, expect, it } from 'vitest';

describe('OptionsCheck', () => {
  it('collects every problem, each with its remedy, and goes on with what is usable', () => {
    const check = new OptionsCheck();
    check.known('', { nope: 1 }, ['count', 'pause']);
    expect(check.count('count', 0, 5)).toBe(5);
    expect(check.duration('pause', 'soon', '1s')).toBe(1);
    expect(check.flag('strict', 'false')).toBe(false);
    check.timeout('limit', '30d', '1s');
    check.methods('pool', {}, ['query'], 'a pool');
    expect(check.object('more', 7, [])).toEqual({});
    expect(check.object('place', 'x', ['queue'], "{ queue: 'x' }")).toEqual({});
    expect(check.problems).toEqual([
      'nope: there is no such option. Known are count, pause.',
      'count: 0 is not a whole number from 1 to 100000.',
      "pause: \"soon\" is not a duration. Give milliseconds above 0, or '250ms', '30s', '5m', '7d'.",
      'strict: "false" is not a boolean. Give true or false.',
      'limit: "30d" is longer than \'24d\', which no timer is.',
      'pool: the given object has no query(). Give a pool.',
      'more: 7 is not an object.',
      'place: "x" is not an object. Give { queue: \'x\' }.',
    ]);
  });

  it('tells an option once that belongs elsewhere', () => {
    const check = new OptionsCheck();
    const given = { ttl: 1 };
    check.elsewhere(given, ['ttl'], 'an option of the module');
    check.known('', given, []);
    expect(check.problems).toEqual(['ttl: is an option of the module.']);
  });

  it('has nothing to say of what is right, or left out', () => {
    const check = new OptionsCheck();
    expect(check.count('count', undefined, 5)).toBe(5);
    expect(check.duration('pause', '1.5s', 1)).toBe(1_500);
    expect(check.object('more', undefined, [])).toEqual({});
    expect(check.problems).toEqual([]);
  });
});

it.each([
  [{ database: 1 }, false],
  [Object.create(null) as object, false],
  [new (class Pool {})(), false],
  [Object.assign(new (class Pool {})(), { host: 'h' }), true],
  ['amqp://h', true],
  [undefined, true],
])('isMisfit(%o) is %s', (given, misfit) => {
  expect(isMisfit(given, ['database'])).toBe(misfit);
});

it.each([
  [{ password: 's3cr3t' }, 'the given object'],
  [() => 1, 'the given function'],
  ['x', '"x"'],
  [undefined, 'undefined'],
  [1n, '1'],
])('shows %o as %s', (value, text) => {
  expect(show(value)).toBe(text);
});

it.each([
  [0, '0 s'],
  [50, '50 ms'],
  [400, '0.4 s'],
  [90_000, '1.5 min'],
  [86_400_000 * 3.45, '3.4 d'],
])('writes %i ms as %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
