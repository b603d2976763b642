import { randomUUID } from 'node:crypto';
import { OptionsCheck, show } from '@acme/nest-message-context/kit';
import {
  FILTER_NUMBERS,
  FILTER_TEXTS,
  isEmptyFilter,
  type DeadLetterFilter,
} from '../core/dead-letter-filter.js';
import { RabbitMqConfigurationError } from '../rabbitmq.errors.js';
import type {
  DeadLettersOptions,
  LookOptions,
  ListOptions,
  PurgeOptions,
  RedriveOptions,
  RunOptions,
} from './dead-letters.types.js';
import type { DeskSettings } from './desk-connection.js';

const LOOK = ['filter', 'scan'];
const RUN = [...LOOK, 'limit', 'dryRun', 'onProgress', 'signal'];
const REDRIVE = [...RUN, 'to', 'rate', 'maxRedrives', 'force', 'resume'];
const FILTER = [...FILTER_TEXTS, ...FILTER_NUMBERS, 'where'];
const MOST = Number.MAX_SAFE_INTEGER;

/** How a look is done. */
export interface LookSettings {
  readonly filter: DeadLetterFilter;
  readonly scan: number;
}

/** The same with an end. */
export interface ListSettings extends LookSettings {
  readonly limit: number;
}

/** How a run is done. */
export interface RunSettings extends ListSettings {
  readonly dryRun: boolean;
  readonly onProgress: RunOptions['onProgress'];
  readonly signal: AbortSignal | undefined;
}

/** How a purge is done. */
export interface PurgeSettings extends RunSettings {
  readonly all: boolean;
}

/** How a redrive is done. */
export interface RedriveSettings extends RunSettings {
  readonly to: string | undefined;
  readonly rate: number | undefined;
  readonly maxRedrives: number;
  readonly force: boolean;
  readonly id: string;
}

/** @throws {RabbitMqConfigurationError} listing everything that is wrong */
export function deskSettings(options: DeadLettersOptions): DeskSettings {
  const check = new OptionsCheck();
  const { connect, timeout } = check.object<DeadLettersOptions>('options', options, [
    'connect',
    'timeout',
  ]);
  if (typeof connect !== 'function')
    check.problems.push(
      `connect: ${show(connect)} is not a function. Give () => amqplib.connect(url).`,
    );
  const timeoutMs = check.timeout('timeout', timeout, '10s');
  return passed(check, 'DeadLetters', { connect, timeoutMs });
}

/** @throws {RabbitMqConfigurationError} listing everything that is wrong */
export function lookSettings(call: string, queue: string, options: LookOptions): LookSettings {
  const check = begun(queue);
  const look = check.object<LookOptions>('options', options, LOOK);
  return passed(check, call, lookOf(check, look, 10_000));
}

/** @throws {RabbitMqConfigurationError} listing everything that is wrong */
export function listSettings(
  call: string,
  queue: string,
  options: ListOptions,
  limit: number,
): ListSettings {
  const check = begun(queue);
  const list = check.object<ListOptions>('options', options, [...LOOK, 'limit']);
  return passed(check, call, {
    ...lookOf(check, list, 10_000),
    limit: check.count('limit', list.limit, limit),
  });
}

/** @throws {RabbitMqConfigurationError} listing everything that is wrong */
export function exportSettings(queue: string, options: RunOptions): RunSettings {
  const check = begun(queue);
  const known = RUN.filter((name) => name !== 'dryRun');
  return passed(
    check,
    'DeadLetters.export()',
    runOf(check, check.object<RunOptions>('options', options, known)),
  );
}

/** @throws {RabbitMqConfigurationError} listing everything that is wrong */
export function purgeSettings(queue: string, options: PurgeOptions): PurgeSettings {
  const check = begun(queue);
  const purge = check.object<PurgeOptions>('options', options, [...RUN, 'all']);
  const run = runOf(check, purge);
  const all = check.flag('all', purge.all);
  if (isEmptyFilter(run.filter) !== all)
    check.problems.push(
      all
        ? 'all: there is a filter as well. Give one of the two.'
        : 'filter: missing, so nothing says which messages are thrown away. Give one, or all: true.',
    );
  if (all && (purge.limit !== undefined || purge.scan !== undefined))
    check.problems.push('all: there is a limit or scan as well. Give one of the two.');
  return passed(check, 'DeadLetters.purge()', { ...run, all });
}

/** @throws {RabbitMqConfigurationError} listing everything that is wrong */
export function redriveSettings(queue: string, options: RedriveOptions): RedriveSettings {
  const check = begun(queue);
  const redrive = check.object<RedriveOptions>('options', options, REDRIVE);
  const { to, rate, maxRedrives, resume } = redrive;
  if (to !== undefined && !isName(to))
    check.problems.push(`to: ${show(to)} is not a name. Give a string.`);
  if (to !== undefined && to === queue)
    check.problems.push(`to: is the queue itself. Give the one that is to have them.`);
  if (rate !== undefined && !(typeof rate === 'number' && rate > 0 && rate <= 1e6))
    check.problems.push(
      `rate: ${show(rate)} is not a number above 0. Give how many messages a second.`,
    );
  if (resume !== undefined && !(isName(resume) && resume.length <= 128))
    check.problems.push(
      `resume: ${show(resume)} is not the id of a run. Give the one of its report.`,
    );
  return passed(check, 'DeadLetters.redrive()', {
    ...runOf(check, redrive),
    to,
    rate,
    maxRedrives: check.count('maxRedrives', maxRedrives, 3),
    force: check.flag('force', redrive.force),
    id: resume ?? randomUUID(),
  });
}

function begun(queue: unknown): OptionsCheck {
  const check = new OptionsCheck();
  if (!isName(queue)) check.problems.push(`queue: ${show(queue)} is not a name. Give a string.`);
  return check;
}

function passed<T>(check: OptionsCheck, call: string, settings: T): T {
  if (check.problems.length > 0) throw new RabbitMqConfigurationError(check.problems, call);
  return settings;
}

function runOf(check: OptionsCheck, run: RunOptions): RunSettings {
  const { onProgress, signal } = run;
  if (onProgress !== undefined && typeof onProgress !== 'function')
    check.problems.push(`onProgress: ${show(onProgress)} is not a function.`);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    check.problems.push(`signal: ${show(signal)} is not an AbortSignal.`);
  return {
    ...lookOf(check, run, MOST),
    limit: check.count('limit', run.limit, MOST, MOST),
    dryRun: check.flag('dryRun', run.dryRun),
    onProgress,
    signal,
  };
}

function lookOf(check: OptionsCheck, options: LookOptions, scan: number): LookSettings {
  const filter = check.object<DeadLetterFilter>('filter', options.filter, FILTER);
  for (const name of FILTER_TEXTS) {
    const value: unknown = filter[name];
    const texts: unknown[] = Array.isArray(value) ? value : [value];
    if (value !== undefined && !texts.every(isName))
      check.problems.push(
        `filter.${name}: ${show(value)} is not a text. Give a string, or a list of them.`,
      );
  }
  for (const name of FILTER_NUMBERS) {
    const value: unknown = filter[name];
    if (value !== undefined && !(typeof value === 'number' && value >= 0))
      check.problems.push(
        `filter.${name}: ${show(value)} is not a number${name.startsWith('failed') ? ' of Unix milliseconds' : ''}.`,
      );
  }
  if (filter.where !== undefined && typeof filter.where !== 'function')
    check.problems.push(`filter.where: ${show(filter.where)} is not a function.`);
  return { filter, scan: check.count('scan', options.scan, scan, MOST) };
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';
