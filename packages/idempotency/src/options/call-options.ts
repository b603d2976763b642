import { inspect } from 'node:util';
import { toMs } from '../core/duration.js';
import { unknownOptions } from '../core/unknown-options.js';
import type { IdempotencyDefaults, IdempotentOptions } from '../idempotency.options.js';
import { show } from '../core/show.js';

/** Longer than this, Node's timers fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

const DURATIONS = ['ttl', 'lockTtl', 'maxLockHold', 'retryAfter', 'storeTimeout'] as const;
const TIMERS: readonly string[] = ['lockTtl', 'maxLockHold', 'retryAfter', 'storeTimeout'];

/** What is wrong with options that both the module and a handler may have; each with its remedy. */
export function problemsOfDefaults(options: IdempotencyDefaults): string[] {
  const given = options as Readonly<Record<string, unknown>>;
  const problems = DURATIONS.flatMap((name) => {
    if (given[name] === undefined) return [];
    const ms = toMs(given[name]);
    if (ms === undefined)
      return [
        `${name}: ${show(given[name])} is no duration. Give milliseconds, or '30s', '15m', '6h', '3d'.`,
      ];
    return TIMERS.includes(name) && ms > LONGEST_TIMER_MS
      ? [`${name}: ${show(given[name])} is longer than a timer can be. Give at most '24d'.`]
      : [];
  });
  const { waitTimeout, principal, storeIf, maxAttempts, onStoreError, maxReplySize } = options;
  if (waitTimeout !== undefined && waitTimeout !== 0 && toMs(waitTimeout) === undefined)
    problems.push(`waitTimeout: ${show(waitTimeout)} is no duration. Give 0, or '500ms', '5s'.`);
  if ((toMs(waitTimeout) ?? 0) > LONGEST_TIMER_MS)
    problems.push(
      `waitTimeout: ${show(waitTimeout)} is longer than a timer can be. Give at most '24d'.`,
    );
  if (principal !== undefined && principal !== false && typeof principal !== 'function')
    problems.push(`principal: ${show(principal)} is no function. Give one, or false.`);
  if (maxReplySize !== undefined && !isCount(maxReplySize))
    problems.push(`maxReplySize: ${show(maxReplySize)} is no number of bytes. Give one, from 1.`);
  if (storeIf !== undefined && typeof storeIf !== 'function')
    problems.push(`storeIf: ${show(storeIf)} is no function. Give (status, error) => boolean.`);
  if (maxAttempts !== undefined && maxAttempts !== false && !isCount(maxAttempts))
    problems.push(`maxAttempts: ${show(maxAttempts)} is no count. Give 1 or more, or false.`);
  if (onStoreError !== undefined && onStoreError !== 'closed' && onStoreError !== 'open')
    problems.push(`onStoreError: ${show(onStoreError)} is none. Give 'closed' or 'open'.`);
  const { lockTtl, maxLockHold } = {
    lockTtl: toMs(options.lockTtl),
    maxLockHold: toMs(options.maxLockHold),
  };
  if (lockTtl !== undefined && maxLockHold !== undefined && maxLockHold < lockTtl)
    problems.push(
      `maxLockHold: ${show(options.maxLockHold)} is shorter than lockTtl, ${show(options.lockTtl)}, which is the least a claim is held. Give a longer one.`,
    );
  return problems;
}

export const OF_DEFAULTS = [
  'ttl',
  'lockTtl',
  'maxLockHold',
  'waitTimeout',
  'retryAfter',
  'principal',
  'storeIf',
  'maxAttempts',
  'onStoreError',
  'maxReplySize',
];

export const isCount = (value: unknown): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 1;

const OF_CALL = [
  'keyFrom',
  'name',
  'required',
  'fingerprint',
  'mode',
  'store',
  'effect',
  'isolation',
  'serialize',
  ...OF_DEFAULTS,
];

const LEVELS: readonly unknown[] = ['read committed', 'repeatable read', 'serializable'];

/** What is wrong with the options that only a handler, or a piece of code, has; each with its remedy. */
export function problemsOfCall(options: IdempotentOptions): string[] {
  const given = options as Readonly<Record<string, unknown>>;
  const wrong = (name: string, remedy: string, shown = show(given[name])): string[] => [
    `${name}: ${shown} cannot be used. ${remedy}`,
  ];
  const { keyFrom, name, store, required, fingerprint, effect, isolation, serialize } = given;
  const sources = keyFrom === undefined ? [] : [keyFrom].flat();
  return [
    ...unknownOptions(options, OF_CALL),
    ...(keyFrom === undefined || (sources.length > 0 && sources.every(isKeySource))
      ? []
      : wrong(
          'keyFrom',
          "Give { header: 'name' }, { payload: 'path' }, { property: 'messageId' }, a function, or a list of these.",
          inspect(keyFrom, { breakLength: Infinity }),
        )),
    ...(name === undefined || (typeof name === 'string' && name.trim() !== '')
      ? []
      : wrong('name', 'Give a text that will not change.')),
    ...(store === undefined || (typeof store === 'string' && store !== '')
      ? []
      : wrong('store', "Give the name of one of the module's stores.")),
    ...(required === undefined || typeof required === 'boolean'
      ? []
      : wrong('required', 'Give true or false.')),
    ...(['undefined', 'boolean', 'function'].includes(typeof fingerprint)
      ? []
      : wrong('fingerprint', 'Give true, false, or a function that picks what counts.')),
    ...(effect === undefined || effect === 'transaction' || effect === 'none'
      ? []
      : wrong('effect', "Give 'transaction' or 'none'.")),
    ...(isolation === undefined || LEVELS.includes(isolation)
      ? []
      : wrong('isolation', `Give one of '${LEVELS.join("', '")}'.`)),
    ...(serialize === undefined || typeof serialize === 'function'
      ? []
      : wrong('serialize', 'Give a function that makes a plain value of the result.')),
  ];
}

function isKeySource(source: unknown): boolean {
  if (typeof source === 'function') return true;
  if (typeof source !== 'object' || source === null) return false;
  const { header, payload, property } = source as Readonly<Record<string, unknown>>;
  return (
    property === 'messageId' || [header, payload].some((at) => typeof at === 'string' && at !== '')
  );
}
